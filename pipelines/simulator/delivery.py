"""Turn planned events into messages: publish time, redeliveries, and invalid messages beside them."""

from random import Random
from typing import Final

from pipelines.simulator.clock import DAY, MILLISECOND, MINUTE, SECOND
from pipelines.simulator.config import SimulationConfig
from pipelines.simulator.event import TOPIC_OF, Event, SimulatedMessage
from pipelines.simulator.invalid_messages import Deck, make_invalid
from pipelines.simulator.random_values import uuid_text
from pipelines.simulator.reencode import reencode
from pipelines.simulator.valid_edge_cases import write

_PROMPT: Final = (50 * MILLISECOND, 2 * SECOND)
_LATE: Final = (3 * MINUTE, 3 * DAY)
_AGAIN: Final = (SECOND, 20 * MINUTE)
"""How much later an event is redelivered or its id reused: within the default deduplication horizon (1 h) of a
streaming run."""
_ATTRIBUTED: Final = 0.125
_FIRST_ID: Final = 10_000_000_000


class Quota:
    """Distribute exactly `needed` items over `of` turns at random (selection sampling)."""

    def __init__(self, needed: int, of: int, rng: Random) -> None:
        self._needed, self._left, self._rng = needed, of, rng

    def take(self) -> int:
        """Return how many items this turn gets."""
        if not self._needed:
            self._left -= 1
            return 0
        share = self._needed / self._left
        self._left -= 1
        count = int(share)
        if self._rng.random() < share - count:
            count += 1
        self._needed -= count
        return count


class Delivery:
    """Turn each planned event into one message, on time or late, and add redeliveries and invalid messages by quota."""

    def __init__(self, config: SimulationConfig) -> None:
        planned = config.planned
        self._rng = rng = Random(f"{config.seed}/delivery")
        self._late = Quota(config.delayed, planned, rng)
        self._again = Quota(config.redeliveries, planned, rng)
        self._dirty = Quota(config.dead_letters, planned, rng)
        self._deck = Deck(config.events, config.format, rng)
        self._absolute = config.format != "messages"
        self._next_id = _FIRST_ID

    def deliver(self, event: Event) -> list[SimulatedMessage]:
        """Return the messages of a planned event; the first of them is published first."""
        rng = self._rng
        late = self._late.take() > 0
        low, high = _PROMPT
        publish = event.time_us + low + int(rng.random() * (high - low))
        if late:
            publish = event.time_us + _between(_LATE, rng)
        data, notes = write(event, rng)
        message = SimulatedMessage(
            TOPIC_OF[event.event_type],
            self._message_id(),
            publish,
            self._attributes(),
            data,
            "valid",
            event,
            notes=notes,
            late=late,
        )
        repeats = [self._deliver_again(message) for _ in range(self._again.take())]
        spoiled = [self._make_invalid(message) for _ in range(self._dirty.take())]
        return [message, *repeats, *spoiled]

    def _deliver_again(self, message: SimulatedMessage) -> SimulatedMessage:
        """Return Pub/Sub's redelivery (same message id, same bytes) or the producer's retry."""
        rng = self._rng
        publish = message.publish_us + _between(_AGAIN, rng)
        if rng.random() < 0.5:
            return message._replace(publish_us=publish, outcome="duplicate", notes=())
        data = message.data if rng.random() < 0.4 else reencode(message.data, rng)
        return message._replace(
            publish_us=publish, outcome="duplicate", notes=(), data=data, message_id=self._message_id()
        )

    def _make_invalid(self, good: SimulatedMessage) -> SimulatedMessage:
        rng, event = self._rng, good.event
        fault = self._deck.deal(event)
        publish = good.publish_us + (_between(_AGAIN, rng) if fault.keeps_id else rng.randrange(1, 30 * SECOND))
        draft = make_invalid(event, fault, publish, self._absolute, rng)
        attributes = {"origin": "unknown"} if not draft.data else self._attributes()
        return SimulatedMessage(
            draft.topic,
            self._message_id(),
            publish,
            attributes,
            draft.data,
            fault.code,
            event,
            stage=fault.stage,
            line=draft.line,
        )

    def _message_id(self) -> str:
        self._next_id += 1
        return str(self._next_id)

    def _attributes(self) -> dict[str, str]:
        rng = self._rng
        return {"origin": f"node-{rng.randrange(12)}", "trace": uuid_text(rng)} if rng.random() < _ATTRIBUTED else {}


def _between(bounds: tuple[int, int], rng: Random) -> int:
    """Return a duration between the bounds, log-uniformly distributed."""
    low, high = bounds
    scale: float = (high / low) ** rng.random()
    return int(low * scale)
