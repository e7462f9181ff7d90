"""The envelope: its fields, their checks in the order of docs/data-contract.md#outcomes, and its unknown fields."""

import re
from typing import Any

import msgspec

from schemas.outcomes import Code, Rejected, Stage
from schemas.registry import EventType, Registry
from schemas.timestamps import EARLIEST_EVENT_US, MAX_AHEAD_US, TimeFormatError, TimeRangeError, parse_rfc3339

REQUIRED = ("eventId", "eventType", "eventTime", "source", "data", "metadata")
FIELDS = frozenset((*REQUIRED, "dataContentType"))
METADATA_FIELDS = frozenset(("correlationId", "causationId"))

_UUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}").fullmatch
_CONTENT_TYPE = re.compile(r"application/json[ \t]*(;.*)?", re.IGNORECASE | re.DOTALL).fullmatch


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """A checked envelope: ids in lower case, the time in UTC microseconds, `data` not yet looked at."""

    event_id: str
    event_type: EventType
    event_time: int
    truncated: bool
    correlation_id: str
    causation_id: str | None
    data: dict[str, Any]


def _reject(code: Code, path: str, detail: str) -> Rejected:
    return Rejected(Stage.ENVELOPE, code, path, detail)


def is_uuid(value: object) -> bool:
    """Tell whether the value is a UUID in the one spelling that the contract takes."""
    return type(value) is str and _UUID(value) is not None


def check_envelope(event: dict[str, Any], topic: str, publish_time: int, registry: Registry) -> Envelope:
    """Check the envelope; raise Rejected with the first code in the contract's order."""
    try:
        event_id, name, time_text = event["eventId"], event["eventType"], event["eventTime"]
        source, data, metadata = event["source"], event["data"], event["metadata"]
    except KeyError as missing:
        path = next(field for field in REQUIRED if field not in event)
        raise _reject(Code.MISSING_FIELD, path, "a required field is absent") from missing
    if type(metadata) is dict and "correlationId" not in metadata:
        raise _reject(Code.MISSING_FIELD, "metadata.correlationId", "a required field is absent")
    if not (type(event_id) is str and type(name) is str and type(time_text) is str and type(source) is str):
        path = next(f for f in ("eventId", "eventType", "eventTime", "source") if type(event[f]) is not str)
        raise _reject(Code.FIELD_TYPE, path, "a string is required here")
    if type(data) is not dict or type(metadata) is not dict:
        path = "data" if type(data) is not dict else "metadata"
        raise _reject(Code.FIELD_TYPE, path, "an object is required here")
    correlation, causation = metadata["correlationId"], metadata.get("causationId")
    if type(correlation) is not str:
        raise _reject(Code.FIELD_TYPE, "metadata.correlationId", "a string is required here")
    if causation is not None and type(causation) is not str:
        raise _reject(Code.FIELD_TYPE, "metadata.causationId", "a string or null is required here")
    if _UUID(event_id) is None:
        raise _reject(Code.FIELD_FORMAT, "eventId", "the text is not a UUID")
    if _UUID(correlation) is None:
        raise _reject(Code.FIELD_FORMAT, "metadata.correlationId", "the text is not a UUID")
    if causation is not None and _UUID(causation) is None:
        raise _reject(Code.FIELD_FORMAT, "metadata.causationId", "the text is not a UUID")
    content_type = event.get("dataContentType", "application/json")
    if content_type != "application/json" and not (type(content_type) is str and _CONTENT_TYPE(content_type)):
        raise _reject(Code.CONTENT_TYPE, "dataContentType", "the content type is not application/json")
    event_type = registry.get(name)
    if event_type is None:
        raise _reject(Code.UNKNOWN_EVENT_TYPE, "eventType", "the event type is not in the contract")
    if event_type.topic != topic:
        raise _reject(Code.TOPIC_MISMATCH, "eventType", "this event type does not belong on this topic")
    if event_type.source != source:
        raise _reject(Code.SOURCE_NOT_ALLOWED, "source", "this source may not send this event type")
    event_time, truncated = check_event_time(time_text, publish_time)
    return Envelope(
        event_id.lower(),
        event_type,
        event_time,
        truncated,
        correlation.lower(),
        causation.lower() if causation is not None else None,
        data,
    )


def check_event_time(text: str, publish_time: int) -> tuple[int, bool]:
    """Return the event time in UTC microseconds and whether digits were cut; raise TIME_FORMAT or TIME_RANGE."""
    try:
        event_time, truncated = parse_rfc3339(text)
    except TimeFormatError:
        raise _reject(Code.TIME_FORMAT, "eventTime", "the text is not an RFC 3339 time with Z or an offset") from None
    except TimeRangeError:
        raise _reject(Code.TIME_RANGE, "eventTime", "the time lies outside the years 1 to 9999") from None
    if event_time < EARLIEST_EVENT_US:
        raise _reject(Code.TIME_RANGE, "eventTime", "the time is before the year 2000")
    if event_time > publish_time + MAX_AHEAD_US:
        raise _reject(Code.TIME_RANGE, "eventTime", "the time is more than 300 s after the message was published")
    return event_time, truncated
