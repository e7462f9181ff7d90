"""The draft that a fault changes: a valid event's envelope under a new event id."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Any

from pipelines.simulator.event import TOPIC_OF, Event, envelope


class Draft:
    """A copy of an event to be made invalid; makers change it and return the payload."""

    def __init__(self, event: Event, event_id: str, publish_us: int, absolute: bool, rng: Random) -> None:
        self.event, self.event_id, self.publish_us, self.absolute, self.rng = (
            event, event_id, publish_us, absolute, rng,
        )  # fmt: skip
        self.topic = TOPIC_OF[event.event_type]
        self.line: bytes | None = None
        self.data = b""

    @cached_property
    def text(self) -> str:
        """Return the valid copy as JSON text."""
        return envelope(self.event._replace(event_id=self.event_id))

    @cached_property
    def tree(self) -> dict[str, Any]:
        """Return the valid copy as a dict to change."""
        tree: dict[str, Any] = json.loads(self.text)
        return tree

    def dumps(self) -> bytes:
        """Return the changed tree as a payload."""
        return json.dumps(self.tree, ensure_ascii=False, separators=(",", ":")).encode()

    def put(self, path: str, value: Any) -> bytes:
        """Set the field at a dotted path (`items.0.quantity`) and return the payload."""
        *parents, last = path.split(".")
        self._at(parents)[last] = value
        return self.dumps()

    def drop(self, path: str) -> bytes:
        """Remove the field at a dotted path and return the payload."""
        *parents, last = path.split(".")
        del self._at(parents)[last]
        return self.dumps()

    def with_data_text(self, text: str) -> bytes:
        """Return the payload with raw JSON text, such as `"a":NaN`, as an additional member of `data`."""
        at = self.text.index('"data":{') + len('"data":{')
        return f"{self.text[:at]}{text},{self.text[at:]}".encode()

    def one_of(self, *options: Any) -> Any:
        """Return one of the options."""
        return options[int(self.rng.random() * len(options))]

    def _at(self, parents: list[str]) -> Any:
        place: Any = self.tree
        for key in parents:
            place = place[int(key)] if isinstance(place, list) else place[key]
        return place


Maker = Callable[[Draft], bytes]


@dataclass(frozen=True)
class Fault:
    """One kind of fault: its stage and code, and its makers; `types` limits it to event types."""

    stage: str
    code: str
    makers: tuple[Maker, ...]
    types: frozenset[str] | None = None
    keeps_id: bool = False

    def fits(self, event: Event) -> bool:
        """Return whether this event can have the fault."""
        return self.types is None or event.event_type in self.types
