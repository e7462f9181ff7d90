"""Take events of a request: one envelope or a list of them, each checked by the contract's own decoder. Pure.

All or nothing: if one event is rejected, none is published. The bytes that are published are those that came.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import msgspec

from schemas.decode.decoder import Decoder
from schemas.event import Event
from schemas.message import TOPICS, Message
from schemas.outcomes import Code
from schemas.registry import REGISTRY, Registry

MAX_EVENTS = 500
_SPACE = b" \t\r\n"
_list = msgspec.json.Decoder(list[msgspec.Raw]).decode


class _Type(msgspec.Struct):
    eventType: str = ""


_type_of = msgspec.json.Decoder(_Type).decode


@dataclass(frozen=True, kw_only=True)
class AcceptedEvent:
    """An event that satisfies the contract.

    Args:
        event_id: its UUID, in lower case.
        topic: short name of its topic.
        data: its bytes as they came.
        content: hash of what it says, for conflicts.
        event_type: its type.
        event_time: UTC microseconds.
    """

    event_id: str
    topic: str
    data: bytes
    content: bytes
    event_type: str
    event_time: int


class Rejected(Exception):
    """The request's events are not accepted.

    Args:
        status: 400, 409 or 413.
        detail: one sentence.
        errors: one fault per rejected event.
    """

    def __init__(self, status: int, detail: str, errors: list[dict[str, Any]]) -> None:
        super().__init__(detail)
        self.status, self.detail, self.errors = status, detail, errors


def take_events(body: bytes, now_us: int, registry: Registry = REGISTRY) -> list[AcceptedEvent]:
    """Return the events of a body, in their order, each id once.

    Args:
        body: JSON: an envelope or a list of envelopes.
        now_us: publish time of the events, UTC microseconds.
        registry: the event types.

    Raises:
        Rejected: an event is not valid, or two of them have one id and different content.
    """
    decoder = Decoder(registry)
    accepted: OrderedDict[str, AcceptedEvent] = OrderedDict()
    faults: list[dict[str, Any]] = []
    conflict = False
    for index, data in enumerate(_split(body)):
        topic = _topic_of(data, registry)
        outcome = decoder.decode(Message(topic, "", now_us, {}, data))
        if not isinstance(outcome, Event):
            faults.append(_fault(index, outcome.stage, outcome.code, outcome.path, outcome.error_message))
            continue
        event = AcceptedEvent(
            event_id=outcome.event_id, topic=topic, data=data, content=bytes(outcome.content),
            event_type=outcome.event_type, event_time=outcome.event_time,
        )  # fmt: skip
        if accepted.setdefault(event.event_id, event).content != event.content:
            conflict = True
            faults.append(conflict_fault(index))
    if faults:
        status = 413 if all(fault["code"] == Code.TOO_LARGE for fault in faults) else 409 if conflict and all(
            fault["code"] == Code.EVENT_ID_CONFLICT for fault in faults
        ) else 400  # fmt: skip
        raise Rejected(status, "no event was published: the contract rejects at least one", faults)
    return list(accepted.values())


def conflict_fault(index: int) -> dict[str, Any]:
    """Return the fault of an event whose id another event has."""
    return _fault(
        index, "identity", Code.EVENT_ID_CONFLICT, "eventId", "an event with this id and other content is known"
    )


def _split(body: bytes) -> list[bytes]:
    text = body.strip(_SPACE)
    if not text.startswith(b"["):
        return [body]
    try:
        parts = _list(text)
    except (msgspec.MsgspecError, RecursionError):
        fault = _fault(None, "json", Code.JSON_SYNTAX, "", "the list is not JSON")
        raise Rejected(400, "the body is not JSON", [fault]) from None
    if not 0 < len(parts) <= MAX_EVENTS:
        fault = _fault(None, "json", "LIST_LENGTH", "", f"a request has 1 to {MAX_EVENTS} events")
        raise Rejected(400 if not parts else 413, "the list has too many or no events", [fault])
    return [bytes(part) for part in parts]


def _topic_of(data: bytes, registry: Registry) -> str:
    """Return the topic of an event's type; that of orders if it cannot be told, and the decoder says why."""
    try:
        return registry.topic_of(_type_of(data.removeprefix(b"\xef\xbb\xbf")).eventType) or TOPICS[0]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return TOPICS[0]


def _fault(index: int | None, stage: str, code: str, path: str, detail: str) -> dict[str, Any]:
    fault: dict[str, Any] = {} if index is None else {"index": index}
    return {**fault, "stage": str(stage), "code": str(code), "path": path, "detail": detail}


class RecentIds:
    """The ids and contents of the events that this process accepted last: a second one with other content is a conflict.

    Args:
        size: number of ids.
    """

    def __init__(self, size: int = 100_000) -> None:
        self._size = size
        self._contents: OrderedDict[str, bytes] = OrderedDict()

    def conflicts(self, event: AcceptedEvent) -> bool:
        """Return whether another content is known under the event's id."""
        return self._contents.get(event.event_id, event.content) != event.content

    def add(self, event: AcceptedEvent) -> None:
        """Remember an event that was published."""
        self._contents[event.event_id] = event.content
        self._contents.move_to_end(event.event_id)
        if len(self._contents) > self._size:
            self._contents.popitem(last=False)
