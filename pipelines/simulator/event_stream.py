"""Generate all messages as one stream: the events of every source in order of their start, delivered, in publish order.

Only unpublished messages are held, so memory grows with the rate and not with the number of events.
"""

import heapq
from collections.abc import Callable, Iterator
from typing import Final

from pipelines.simulator.config import SimulationConfig
from pipelines.simulator.customers import Customers
from pipelines.simulator.delivery import Delivery
from pipelines.simulator.devices import Devices
from pipelines.simulator.event import Event, SimulatedMessage
from pipelines.simulator.expected_results import ExpectedResults, SagaRow
from pipelines.simulator.orders import Orders
from pipelines.simulator.stock import Catalog, Holds

# Shares of the planned events; devices take the rest.
_ORDERS: Final = 0.56
_REGISTERED: Final = 0.04
_CHANGED: Final = 0.05
_HELD: Final = 0.02

# Average envelope = _BASE_BYTES + _ITEM_BYTES x mean items per order, measured over 60,000 events.
_BASE_BYTES: Final = 407.0
_ITEM_BYTES: Final = 7.7


def mean_items(event_bytes: int) -> float:
    """Return the mean number of items per order that gives envelopes of the given mean size in bytes."""
    return max(1.0, (event_bytes - _BASE_BYTES) / _ITEM_BYTES)


class Simulation:
    """One run of the generator. `messages()` can be consumed once; `truth` is complete when it has ended.

    `on_saga` receives every order's saga, in order of the orders' start, while messages are consumed.
    """

    def __init__(self, config: SimulationConfig, on_saga: Callable[[SagaRow], None] | None = None) -> None:
        self.config = config
        self.truth = ExpectedResults()
        self._on_saga = on_saga

    def messages(self) -> Iterator[SimulatedMessage]:
        """Yield exactly `config.events` messages of all topics in publish order."""
        delivery, add = Delivery(self.config), self.truth.add
        waiting: list[tuple[int, int, SimulatedMessage]] = []
        push, pop = heapq.heappush, heapq.heappop
        number = 0
        for start, _, events in heapq.merge(*self._sources()):
            while waiting and waiting[0][0] <= start:
                message = pop(waiting)[2]
                add(message)
                yield message
            for event in events:
                for message in delivery.deliver(event):
                    number += 1
                    push(waiting, (message.publish_us, number, message))
        while waiting:
            message = pop(waiting)[2]
            add(message)
            yield message

    def _sources(self) -> list[Iterator[tuple[int, int, list[Event]]]]:
        """Divide the planned events among the sources; the last source takes the rest."""
        config = self.config
        planned, start, span, seed = config.planned, config.start_us, config.span_us, config.seed
        catalog = Catalog(seed)
        customers = Customers(int(planned * _REGISTERED), int(planned * _CHANGED), start, span, seed)
        orders = Orders(
            int(planned * _ORDERS),
            start,
            span,
            mean_items(config.event_bytes),
            seed,
            catalog,
            customers,
            self._note_order,
        )
        holds = Holds(int(planned * _HELD), start, span, seed, catalog)
        devices = Devices(planned - orders.events - customers.events - holds.events, start, span, seed)
        self.truth.customers = customers.count
        return [customers.registrations(), customers.changes(), orders.seeds(), holds.seeds(), devices.seeds()]

    def _note_order(self, saga: SagaRow, status: str | None) -> None:
        self.truth.add_order(saga, status)
        if self._on_saga:
            self._on_saga(saga)
