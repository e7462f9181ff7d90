"""The simulation as one stream: all rooms' events in order of their start, delivered, and put in publish order.

Nothing is held but what is not published yet, so memory grows with the rate and not with the number of events.
"""

import heapq
from collections.abc import Callable, Iterator
from typing import Final

from pipelines.simulator.config import SimulationConfig
from pipelines.simulator.customers import Customers
from pipelines.simulator.delivery import Delivery
from pipelines.simulator.devices import Devices
from pipelines.simulator.event import Event, SimulatedMessage
from pipelines.simulator.expected_results import SagaRow, Truth
from pipelines.simulator.orders import Orders
from pipelines.simulator.stock import Holds, Shelf

# Shares of the planned events; what these leave over, the devices take.
_ORDERS: Final = 0.56
_REGISTERED: Final = 0.04
_CHANGED: Final = 0.05
_HELD: Final = 0.02

# Average envelope = _BASE_BYTES + _ITEM_BYTES x mean articles an order, measured over 60,000 events.
_BASE_BYTES: Final = 407.0
_ITEM_BYTES: Final = 7.7


def mean_items(event_bytes: int) -> float:
    """Return how many articles an order must have on average for envelopes of so many bytes on average."""
    return max(1.0, (event_bytes - _BASE_BYTES) / _ITEM_BYTES)


class Simulation:
    """One run of the generator. `messages()` yields once; `truth` is whole when it has ended.

    `on_saga` gets every order's saga, by the order's start, while the messages are drawn.
    """

    def __init__(self, config: SimulationConfig, on_saga: Callable[[SagaRow], None] | None = None) -> None:
        self.config = config
        self.truth = Truth()
        self._on_saga = on_saga

    def messages(self) -> Iterator[SimulatedMessage]:
        """Yield exactly `config.events` messages of all topics in publish order."""
        delivery, add = Delivery(self.config), self.truth.add
        waiting: list[tuple[int, int, SimulatedMessage]] = []
        push, pop = heapq.heappush, heapq.heappop
        number = 0
        for start, _, events in heapq.merge(*self._rooms()):
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

    def _rooms(self) -> list[Iterator[tuple[int, int, list[Event]]]]:
        """Divide the planned events among the rooms: all of them are used up, the last room takes the rest."""
        config = self.config
        planned, start, span, seed = config.planned, config.start_us, config.span_us, config.seed
        shelf = Shelf(seed)
        customers = Customers(int(planned * _REGISTERED), int(planned * _CHANGED), start, span, seed)
        orders = Orders(
            int(planned * _ORDERS),
            start,
            span,
            mean_items(config.event_bytes),
            seed,
            shelf,
            customers,
            self._note_order,
        )
        holds = Holds(int(planned * _HELD), start, span, seed, shelf)
        devices = Devices(planned - orders.events - customers.events - holds.events, start, span, seed)
        self.truth.customers = customers.count
        return [customers.registrations(), customers.changes(), orders.seeds(), holds.seeds(), devices.seeds()]

    def _note_order(self, saga: SagaRow, status: str | None) -> None:
        self.truth.add_order(saga, status)
        if self._on_saga:
            self._on_saga(saga)
