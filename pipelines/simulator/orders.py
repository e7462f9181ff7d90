"""Generate orders: each follows one scenario, as linked events of the order, inventory and payment services."""

from collections.abc import Callable, Iterator
from random import Random
from typing import Final

from pipelines.simulator.clock import HOUR, MINUTE, SECOND, arrivals, rfc3339
from pipelines.simulator.customers import Customers
from pipelines.simulator.event import Event
from pipelines.simulator.expected_results import SagaRow
from pipelines.simulator.order_scenarios import MEAN_EVENTS, PARTS, SCENARIOS, WAIT, WAIT_SPAN, Scenario, ScenarioPicker
from pipelines.simulator.random_values import CURRENCIES, choose, money, uuid_text
from pipelines.simulator.stock import Catalog

RANK: Final = 1
_MAX_GAP: Final = 10 * MINUTE
_MEAN_GAP: Final = 50 * SECOND
_MAX_ITEMS: Final = 2_000
_REASONS: Final = ("CARD_DECLINED", "INSUFFICIENT_FUNDS", "3-D Secure was not completed in time", "EXPIRED_CARD")
_STATUS: Final = {"confirmed": "CONFIRMED", "shipped": "SHIPPED", "cancelled": "CANCELLED"}


class Orders:
    """All orders of a run: planned first, so that their events can be counted, then generated in order of their start.

    `events` is their total number, at most `budget`. `on_order` receives every order's saga.
    """

    def __init__(
        self,
        budget: int,
        start: int,
        span: int,
        mean_items: float,
        seed: int,
        catalog: Catalog,
        customers: Customers,
        on_order: Callable[[SagaRow, str | None], None],
    ) -> None:
        self._seed, self._start, self._span, self._mean_items = seed, start, span, mean_items
        self._shelf, self._customers, self._on_order = catalog, customers, on_order
        self._count = int(budget / MEAN_EVENTS)
        self._rng = Random(f"{seed}/orders")
        self._plan = bytearray()
        self.events = 0
        picker, end = ScenarioPicker(), start + span
        for at in self._starts():
            scenario = picker.pick(end - at, self._rng)
            parts = PARTS[int(self._rng.random() * len(PARTS))]
            size = SCENARIOS[scenario].events(parts)
            if self.events + size > budget:
                break
            self.events += size
            self._plan += bytes((scenario, parts))

    def _starts(self) -> Iterator[int]:
        """Return the orders' start times; every call returns the same."""
        tail = min(HOUR, self._span // 20)
        return arrivals(self._count, self._start, max(1, self._span - tail), Random(f"{self._seed}/order-starts"))

    def seeds(self) -> Iterator[tuple[int, int, list[Event]]]:
        """Yield (start, rank, events) of every order, by start."""
        for index, at in zip(range(len(self._plan) // 2), self._starts(), strict=False):
            scenario, parts = self._plan[2 * index], self._plan[2 * index + 1]
            yield at, RANK, self._live(index, at, SCENARIOS[scenario], parts)

    def _live(self, index: int, at: int, scenario: Scenario, parts: int) -> list[Event]:
        """Return the events of one order and report its saga."""
        rng = self._rng
        order = _Order(f"ORD-{index + 1:08d}", parts, self._mean_items, self._customers.pick(rng), self._shelf, rng)
        limit = (self._start + self._span - at) // (scenario.events(parts) + 1)
        cap = min(_MAX_GAP, limit)
        rate = 1 / min(_MEAN_GAP, max(1, cap // 3))
        events: list[Event] = []
        status: str | None = None
        for step in scenario.steps:
            if step == WAIT:
                at += rng.randrange(*WAIT_SPAN)
                continue
            for part in range(parts if step in ("reserved", "released") else 1):
                event = order.event(step, part, at, events[-1].event_id if events else None)
                events.append(event)
                at += max(1, min(cap, int(rng.expovariate(rate))))
            status = (order.status if step == "created" else _STATUS.get(step)) or status
        row = SagaRow(
            order.id,
            order.correlation_id,
            scenario.state,
            scenario.alerts,
            events[0].time_us,
            events[-1].time_us,
            len(events),
            scenario.name,
            scenario.refund_owed,
        )
        known = any(event.event_type.startswith("order.") for event in events)
        self._on_order(row, (status or "") if known else None)
        return events


class _Order:
    """One open order: its items, its total and its ids."""

    def __init__(
        self, order_id: str, parts: int, mean_items: float, customer: int, catalog: Catalog, rng: Random
    ) -> None:
        self.id, self._rng = order_id, rng
        self.correlation_id = uuid_text(rng)
        self.status = "NEW" if rng.random() < 0.7 else None
        self._customer = Customers.name_id(customer)
        self._currency = CURRENCIES[customer % len(CURRENCIES)]
        self._payments = 0
        count = max(parts, min(_MAX_ITEMS, 1 + int(rng.expovariate(1 / mean_items))))
        self._items = [catalog.item(rng) for _ in range(count)]
        self._warehouse = catalog.warehouse(rng)
        self._total = sum(item.price * item.quantity for item in self._items)
        items = ",".join([item.text for item in self._items])
        self._content = f'"currency":"{self._currency}","totalAmount":"{money(self._total)}","items":[{items}]'

    def event(self, step: str, part: int, at: int, cause: str | None) -> Event:
        """Return the event of one step."""
        event_type, data, amount, currency, stock = self._step(step, part, at)
        return Event(uuid_text(self._rng), event_type, at, data, self.correlation_id, cause, amount, currency, stock)

    def _step(self, step: str, part: int, at: int) -> tuple[str, str, int | None, str, tuple[str, int] | None]:
        head = f'{{"orderId":"{self.id}"'
        if step in ("reserved", "released"):
            data, stock = self._stock_move(step, part)
            return f"inventory.{step}", data, None, "", stock
        if step in ("paid", "failed"):
            self._payments += 1
            data = (
                f'{{"paymentId":"pay-{self.id}-{self._payments}","orderId":"{self.id}",'
                f'"amount":"{money(self._total)}","currency":"{self._currency}"'
            )
            if step == "paid":
                return "payment.processed", data + "}", self._total, self._currency, None
            data += f',"reason":"{choose(_REASONS, self._rng)}"}}'
            return "payment.failed", data, self._total, self._currency, None
        if step == "created":
            status = f',"status":"{self.status}"' if self.status else ""
            data = f'{head},"customerId":"{self._customer}",{self._content}{status}}}'
            return "order.created", data, self._total, self._currency, None
        if step == "completed":
            return "order.completed", f'{head},"completedAt":"{rfc3339(at)}"}}', None, "", None
        content = f",{self._content}" if step == "confirmed" else ""
        return "order.updated", f'{head},"status":"{_STATUS[step]}"{content}}}', None, "", None

    def _stock_move(self, step: str, part: int) -> tuple[str, tuple[str, int]]:
        item = self._items[part]
        reservation = f"res-{self.id}-{part + 1}"
        return Catalog.move(step, item.sku, item.quantity, self._warehouse, self.id, reservation)
