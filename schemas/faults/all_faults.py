"""All faults of a message, not only the first: for producers that repair an event in one go. Slower than `decode`.

The first fault is always the one that `decode` gives, so code and path of the dead letter do not depend on the question.
No fault quotes a value: it has the rule of the contract, the JSON type that was found, and the position of a syntax error.
"""

import difflib
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
from pydantic import ValidationError

from schemas.decode.cloudevents import from_cloudevent
from schemas.decode.decoder import Decoder
from schemas.decode.envelope import FIELDS, METADATA_FIELDS, REQUIRED, check_envelope, check_event_time
from schemas.decode.event_data import DETAILS, check_data, failures, path_of
from schemas.decode.json_object import BOM
from schemas.event import DeadLetter, Event
from schemas.faults.field_rules import every_index, rules_of
from schemas.message import Message
from schemas.models.field_types import Payload
from schemas.outcomes import CODE_ORDER, Code, Rejected, Stage
from schemas.registry import EventType

MAX_FAULTS = 100
"""Faults of one message that are reported; a list of half a million wrong items has as many."""
_VALID = {
    "eventId": "7b0d3a5e-0000-4000-8000-000000000001",
    "metadata": {"correlationId": "7b0d3a5e-0000-4000-8000-000000000002"},
    "data": {},
}
_ABSENT = object()


class Fault(msgspec.Struct, frozen=True, omit_defaults=True):
    """One fault. `found` is the JSON type of the value there; line and column are of a syntax error, from 1."""

    stage: str
    code: str
    path: str
    reason: str
    rule: str = ""
    found: str = ""
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        text = " ".join(filter(None, [self.code, self.path])) + f": {self.reason}"
        if self.rule:
            text += f"; required: {self.rule}"
        if self.found:
            text += f"; found: {self.found}"
        return text + (f"; line {self.line}, column {self.column} of the payload" if self.line else "")


def faults_of(message: Message, decoder: Decoder, outcome: Event | DeadLetter) -> list[Fault]:
    """Return the faults of a message that `decoder` decoded to `outcome`; none for a valid event.

    The first is the one of the dead letter; the others follow in the order of the contract's checks.
    """
    if isinstance(outcome, Event):
        return []
    found = list(_read(message, decoder))
    first = (outcome.code, outcome.path)
    found.sort(key=lambda fault: (fault.code, fault.path) != first)
    if not found or (found[0].code, found[0].path) != first:
        found.insert(0, Fault(outcome.stage, outcome.code, outcome.path, outcome.error_message))
    return found[:MAX_FAULTS]


def _read(message: Message, decoder: Decoder) -> Iterator[Fault]:
    try:
        value: Any = decoder.inspect(message)
    except Rejected as rejected:
        if rejected.code is Code.JSON_SYNTAX:
            yield _syntax(message.data, rejected)
            return
        yield Fault(rejected.stage, rejected.code, rejected.path, rejected.detail)
        value = rejected.value
    if not isinstance(value, dict):
        return
    event = from_cloudevent(value, message.attributes) if decoder.accept_cloudevents else value
    name = event.get("eventType")
    event_type = decoder.registry.get(name) if isinstance(name, str) else None
    faults = [*_envelope(event, message, event_type, decoder), *_data(event, message, event_type)]
    yield from sorted(faults, key=lambda fault: (fault.stage != Stage.ENVELOPE, CODE_ORDER[Code(fault.code)]))


def _syntax(data: bytes, rejected: Rejected) -> Fault:
    try:
        json.loads(data.removeprefix(BOM).decode())
    except json.JSONDecodeError as error:  # its own words are fixed and quote nothing
        reason = f"{rejected.detail} ({error.msg})"
        return Fault(rejected.stage, rejected.code, "", reason, "JSON text, RFC 8259", "", error.lineno, error.colno)
    except ValueError:
        pass
    return Fault(rejected.stage, rejected.code, "", rejected.detail)


def _envelope(
    event: dict[str, Any], message: Message, event_type: EventType | None, decoder: Decoder
) -> Iterator[Fault]:
    """Yield each fault of the envelope: every field is checked in an envelope whose other fields are valid."""
    for field in REQUIRED:
        if field not in event:
            yield _fault(Rejected(Stage.ENVELOPE, Code.MISSING_FIELD, field, _absent(field, event)), event, event_type)
    known = event_type or next(iter(decoder.registry))
    valid = {**_VALID, "eventType": known.name, "source": known.source, "eventTime": "2000-01-01T00:00:00Z"}
    for field in ("eventId", "source", "data", "dataContentType"):
        if field in event and (field != "source" or event_type is not None or not isinstance(event[field], str)):
            yield from _check({**valid, field: event[field]}, known.topic, event, event_type, message, decoder)
    metadata = event.get("metadata", _ABSENT)
    if isinstance(metadata, dict):
        for name in METADATA_FIELDS:
            part = {**_VALID["metadata"], name: metadata[name]} if name in metadata else None  # type: ignore[dict-item]
            if part is None and name == "correlationId":
                part = {}
            if part is not None:
                yield from _check({**valid, "metadata": part}, known.topic, event, event_type, message, decoder)
    elif metadata is not _ABSENT:
        yield from _check({**valid, "metadata": metadata}, known.topic, event, event_type, message, decoder)
    if "eventType" in event:
        there = {**valid, "eventType": event["eventType"]}
        yield from _check(there, message.topic, event, event_type, message, decoder)
    if isinstance(event.get("eventTime"), str):
        try:
            check_event_time(event["eventTime"], message.publish_time)
        except Rejected as rejected:
            yield _fault(rejected, event, event_type)
    elif "eventTime" in event:
        yield from _check({**valid, "eventTime": event["eventTime"]}, known.topic, event, event_type, message, decoder)


def _check(
    candidate: dict[str, Any],
    topic: str,
    event: dict[str, Any],
    event_type: EventType | None,
    message: Message,
    decoder: Decoder,
) -> Iterator[Fault]:
    try:
        check_envelope(candidate, topic, message.publish_time, decoder.registry)
    except Rejected as rejected:
        yield _fault(rejected, event, event_type, decoder)


def _data(event: dict[str, Any], message: Message, event_type: EventType | None) -> Iterator[Fault]:
    data = event.get("data")
    if event_type is None or not isinstance(data, dict):
        return
    try:
        check_data(event_type, data, message.publish_time)
    except Rejected as rejected:
        try:
            event_type.model.__pydantic_validator__.validate_python(data)
        except ValidationError as invalid:
            seen: set[tuple[Code, str]] = set()
            for code, place in failures(event_type, data, invalid):
                if len(seen) >= MAX_FAULTS:
                    return
                path = path_of(place)
                if (code, path) not in seen:
                    seen.add((code, path))
                    detail = _absent(path.rpartition(".")[2], _value(event, path.rpartition(".")[0]))
                    missing = code is Code.MISSING_FIELD
                    yield _fault(
                        Rejected(Stage.DATA, code, path, detail if missing else DETAILS[code]), event, event_type
                    )
            return
        yield _fault(rejected, event, event_type)


def _fault(
    rejected: Rejected, event: dict[str, Any], event_type: EventType | None, decoder: Decoder | None = None
) -> Fault:
    rule = rules_of(event_type).get(every_index(rejected.path)) if event_type is not None else None
    text = f"{rule.json_type}, {rule.rule}" if rule is not None else ""
    if rejected.code is Code.UNKNOWN_EVENT_TYPE and decoder is not None:
        names = [known.name for known in decoder.registry]
        near = difflib.get_close_matches(str(event.get("eventType")).lower(), names, 1, 0.6)
        text = f"one of {', '.join(names)}" + (f"; the nearest is {near[0]}" if near else "")
    elif rejected.code is Code.TOPIC_MISMATCH and event_type is not None:
        text = f"{event_type.name} belongs on the topic {event_type.topic}"
    value = _value(event, rejected.path)
    found = "" if value is _ABSENT else json_type(value)
    return Fault(rejected.stage, rejected.code, rejected.path, rejected.detail, text, found)


def _absent(name: str, beside: Any) -> str:
    """Say that a field is absent, and whether a key beside it is nearly its name; the key itself is not quoted."""
    known = FIELDS | METADATA_FIELDS
    others = [key for key in beside if key not in known] if isinstance(beside, dict) else []
    if any(_plain(key) == _plain(name) for key in others):
        return f"a required field is absent; a key that differs only in spelling is there, write it {name}"
    if difflib.get_close_matches(_plain(name), [_plain(key) for key in others], 1, 0.8):
        return f"a required field is absent; a key of nearly this name is there, write it {name}"
    return "a required field is absent"


def _plain(key: str) -> str:
    return key.lower().replace("_", "").replace("-", "")


def _value(event: Any, path: str) -> Any:
    """Return the value at a path of the contract's names, or _ABSENT."""
    for part in path.replace("]", "").replace("[", ".").split(".") if path else []:
        if isinstance(event, dict) and part in event:
            event = event[part]
        elif isinstance(event, list) and part.isdigit() and int(part) < len(event):
            event = event[int(part)]
        else:
            return _ABSENT
    return event


def json_type(value: Any) -> str:
    """Return the JSON type of a parsed value; an integer is told apart from other numbers, as the contract does."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float() | Decimal():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case dict() | Payload():
            return "object"
    return "value"
