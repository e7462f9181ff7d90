"""Generate stock: items, warehouses, and holds that belong to no order (a showroom, a stocktaking)."""

from collections.abc import Iterator
from random import Random
from typing import Final, NamedTuple

from pipelines.simulator.clock import MINUTE, arrivals
from pipelines.simulator.event import Event
from pipelines.simulator.random_values import choose, money, uuid_text

RANK: Final = 2
_ARTICLES: Final = 240
_WAREHOUSES: Final = ("WH-BER-1", "WH-LYO-1", "WH-WAW-2", "WH-LEE-1", "WH-CHI-3", "WH-CHI-4")
_KINDS: Final = ("LAMP", "MUG", "CABLE", "DESK", "TEA", "SOAP", "BOOK", "PUMP")
_BULK: Final = 7
"""One in this many items is sold by weight: its price has four digits after the point."""


class Item(NamedTuple):
    """One line of an order; `price` in ten-thousandths, `text` is its JSON text."""

    sku: str
    quantity: int
    price: int
    text: str


class Catalog:
    """The items on sale and their warehouses."""

    def __init__(self, seed: int) -> None:
        rng = Random(f"{seed}/catalog")
        self._articles = []
        for index in range(_ARTICLES):
            sku = f"SKU-{_KINDS[index % len(_KINDS)]}-{index + 1:05d}"
            price = rng.randrange(49, 25_000) * 100 + (rng.randrange(1, 100) if index % _BULK == 0 else 0)
            self._articles.append((sku, price, money(price)))

    def item(self, rng: Random) -> Item:
        """Return one line of an order: cheap and early items sell best."""
        sku, price, text = self._articles[int(rng.random() ** 2 * _ARTICLES)]
        quantity = 1 + int(rng.expovariate(0.6))
        return Item(sku, quantity, price, f'{{"sku":"{sku}","quantity":{quantity},"unitPrice":"{text}"}}')

    def warehouse(self, rng: Random) -> str | None:
        """Return a warehouse; None in one of twenty cases, to test a missing field."""
        return None if rng.random() < 0.05 else choose(_WAREHOUSES, rng)

    @staticmethod
    def move(
        step: str, sku: str, quantity: int, warehouse: str | None, order: str | None, reservation: str
    ) -> tuple[str, tuple[str, int]]:
        """Return the data of inventory.`step` and the change of stock."""
        ids = f'"orderId":"{order}",' if order else ""
        place = f',"warehouseId":"{warehouse}"' if warehouse else ""
        data = f'{{"sku":"{sku}","quantity":{quantity},{ids}"reservationId":"{reservation}"{place}}}'
        return data, (f"{sku}|{warehouse or ''}", quantity if step == "reserved" else -quantity)


class Holds:
    """Stock reserved without an order; every second reservation is released within minutes. `events` is at most `budget`."""

    def __init__(self, budget: int, start: int, span: int, seed: int, catalog: Catalog) -> None:
        self._count = budget * 2 // 3
        self.events = self._count + self._count // 2
        self._start, self._span, self._shelf = start, span, catalog
        self._rng = Random(f"{seed}/holds")

    def seeds(self) -> Iterator[tuple[int, int, list[Event]]]:
        """Yield (start, rank, events) of every hold, by start."""
        rng = self._rng
        limit = max(2, min(20 * MINUTE, self._span // 10))
        for index, at in enumerate(arrivals(self._count, self._start, max(1, self._span - limit), rng)):
            item, warehouse, hold = self._shelf.item(rng), self._shelf.warehouse(rng), f"hold-{index + 1:07d}"
            correlation = uuid_text(rng)
            data, stock = Catalog.move("reserved", item.sku, item.quantity, warehouse, None, hold)
            events = [Event(uuid_text(rng), "inventory.reserved", at, data, correlation, stock=stock)]
            if index % 2:
                data, stock = Catalog.move("released", item.sku, item.quantity, warehouse, None, hold)
                after, cause = at + rng.randrange(1, limit), events[0].event_id
                events.append(Event(uuid_text(rng), "inventory.released", after, data, correlation, cause, stock=stock))
            yield at, RANK, events
