"""Invalid messages: each code in turn, each made from a valid event, breaking exactly one rule of the contract.

An invalid message is an additional message: the event it was made from arrives as planned. Unless the fault is the event
id itself, the copy has a new id, so it cannot change the outcome of a planned event.
"""

from collections.abc import Sequence
from random import Random
from typing import Final

from pipelines.simulator import invalid_bytes as dirt_text
from pipelines.simulator import invalid_data as dirt_data
from pipelines.simulator import invalid_envelope as dirt_envelope
from pipelines.simulator.event import Event
from pipelines.simulator.message_mutation import Draft, Fault
from pipelines.simulator.random_values import uuid_text

FAULTS: Final[tuple[Fault, ...]] = (*dirt_text.FAULTS, *dirt_envelope.FAULTS, *dirt_data.FAULTS)
TOO_LARGE: Final = "TOO_LARGE"
LARGE_FROM_EVENTS: Final = 100_000
LARGE_MESSAGES: Final = 2
"""A message over the size limit has more than 1 MiB: a run of fewer events than this has none, any other at most two."""
NOT_AS_PLAIN_EVENTS: Final = frozenset(("NOT_A_MESSAGE", "EMPTY", "COMPRESSED", "EVENT_ID_CONFLICT"))
"""Faults that a file of plain events cannot hold: every line is a message, an empty or binary payload is not a line, and
two events of one id have no publish times to order them."""
NOT_LIVE: Final = frozenset(("NOT_A_MESSAGE",))


class Deck:
    """Distribute faults: every (stage, code) once per round, in shuffled order."""

    def __init__(self, events: int, form: str, rng: Random) -> None:
        self._rng = rng
        excluded = {"events": NOT_AS_PLAIN_EVENTS, "live": NOT_LIVE}.get(form, frozenset())
        faults = [fault for fault in FAULTS if fault.code not in excluded]
        self._common = [fault for fault in faults if fault.code != TOO_LARGE]
        self._pending: list[Fault] = []
        if events >= LARGE_FROM_EVENTS:
            self._pending = self._round() + [fault for fault in faults if fault.code == TOO_LARGE] * LARGE_MESSAGES
            rng.shuffle(self._pending)

    def _round(self) -> list[Fault]:
        faults = list(self._common)
        self._rng.shuffle(faults)
        return faults

    def deal(self, event: Event) -> Fault:
        """Return the first pending fault that this event can have and remove it from the round."""
        while True:
            for position, fault in enumerate(self._pending):
                if fault.fits(event):
                    return self._pending.pop(position)
            self._pending += self._round()


def make_invalid(event: Event, fault: Fault, publish_us: int, absolute: bool, rng: Random) -> Draft:
    """Return the invalid copy; `absolute` excludes faults that depend on the publish time."""
    draft = Draft(event, event.event_id if fault.keeps_id else uuid_text(rng), publish_us, absolute, rng)
    makers: Sequence[object] = fault.makers
    draft.data = fault.makers[int(rng.random() * len(makers))](draft)
    return draft
