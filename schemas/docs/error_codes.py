"""What every error code means, a message that causes it, and how to fix it: for producers and for those on call."""

import json
from dataclasses import dataclass
from typing import Any

from schemas.decode.json_object import MAX_DEPTH
from schemas.docs.examples import PUBLISH_TIME, example_event
from schemas.message import MAX_BYTES, Message, format_line
from schemas.outcomes import Code, Note
from schemas.registry import REGISTRY
from schemas.timestamps import parse_rfc3339


@dataclass(frozen=True)
class Explanation:
    """One code: its meaning, how to fix it, and the payloads of an example (none if no message can show it)."""

    meaning: str
    remedy: str
    examples: tuple[bytes, ...] = ()


def _event(name: str = "order.updated", **changes: Any) -> dict[str, Any]:
    event_type = REGISTRY.get(name)
    assert event_type is not None
    return {**example_event(event_type), **changes}


def _text(event: Any) -> bytes:
    return json.dumps(event).encode()


def _latin_1(event: dict[str, Any]) -> bytes:
    return json.dumps(event, ensure_ascii=False).encode("latin-1")


def _data(name: str, **changes: Any) -> bytes:
    event = _event(name)
    return _text({**event, "data": {**event["data"], **changes}})


def _without(field: str) -> bytes:
    return _text({key: value for key, value in _event().items() if key != field})


def example_message(data: bytes) -> Message:
    """Return a payload of an example as the message that carries it."""
    return Message("orders", "17", parse_rfc3339(PUBLISH_TIME)[0], {}, data)


def _line_without_id() -> bytes:
    line = json.loads(format_line(example_message(_text(_event()))))
    del line["messageId"]
    return _text(line)


EXPLANATIONS = {
    Code.NOT_A_MESSAGE: Explanation(
        "A line or record of a file is no message: not a JSON object, a field missing, or data that is not base64.",
        "Write the five fields topic, messageId, publishTime, attributes and data (base64), one object per line. Plain "
        "events, one envelope per line, are another form: --format events.",
        (_line_without_id(),),
    ),
    Code.TOO_LARGE: Explanation(
        f"The payload is larger than {MAX_BYTES:,} bytes. Nothing of it was parsed; the first 64 KiB are kept.",
        "Send less: split lists over several events; put documents and pictures elsewhere, with a link in the event.",
        (_text({"text": "a" * MAX_BYTES}),),
    ),
    Code.COMPRESSED: Explanation(
        "The payload is compressed (gzip, zlib, zstd, xz, bzip2, lz4, snappy or zip). It is never inflated.",
        "Publish the JSON text itself: turn compression of the payload off in the producer.",
        (b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\xab\xae\x05\x00\x43\xbf\xa6\xa3\x02\x00\x00\x00",),
    ),
    Code.EMPTY: Explanation(
        "The message has no payload, or nothing but white space.",
        "Put the event into the message's data. Attributes alone are no event.",
        (b"",),
    ),
    Code.ENCODING: Explanation(
        "The payload is not UTF-8 text: another character set, UTF-16 or UTF-32, the prefix of a schema registry (a zero byte "
        "and a schema id) in front of it, or a binary format such as Avro or Protobuf.",
        "Encode the JSON text in UTF-8. Publish it without a schema registry's serializer, which prepends five bytes.",
        (_latin_1(_event(data={"orderId": "order-1", "status": "geprüft"})),),
    ),
    Code.JSON_SYNTAX: Explanation(
        "The payload is not JSON (RFC 8259): cut off, single quotes, a comma too many, text before or behind it.",
        "Build the text with a JSON library, never by joining strings, and send exactly one object per message.",
        (_text(_event())[:-1] + b",}",),
    ),
    Code.JSON_DEPTH: Explanation(
        f"Objects and arrays nest deeper than {MAX_DEPTH} levels.",
        "Flatten the data; the contract's own fields need four levels.",
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),),
    ),
    Code.JSON_NUMBER: Explanation(
        "A number is NaN, Infinity, too large for a double, or an integer of an unknown field that is over 64 bits.",
        "Leave the field out where there is no value; send large ids and amounts as text.",
        (_text(_event(ratio=float("nan"))),),
    ),
    Code.JSON_DUPLICATE_KEY: Explanation(
        "An object has the same key twice. Parsers differ in which of the two they keep, so neither is used.",
        "Find what writes the key a second time; often two mappers fill the same object.",
        (_text(_event()).replace(b'"source":', b'"source": "order-service", "source":'),),
    ),
    Code.KEY_COLLISION: Explanation(
        "Two keys of an object differ only in case. Column names ignore case, so one would overwrite the other.",
        "Keep the spelling of the contract and drop the other key.",
        (_data("order.updated", OrderID="order-2"),),
    ),
    Code.STRING_CONTENT: Explanation(
        "A text holds half of a surrogate pair, which is no character and cannot be stored.",
        "Cut texts by characters, not by UTF-16 units.",
        (_data("order.updated", status="\ud83c"),),
    ),
    Code.NOT_OBJECT: Explanation(
        "The payload is JSON, but not an object: an array, a text, a number, null.",
        "Send one event per message; a batch of events is a batch of messages.",
        (_text([_event()]),),
    ),
    Code.MISSING_FIELD: Explanation(
        "A required field is absent, in the envelope or in the data of this event type; the path names it.",
        "Send the field. `schema EVENT_TYPE` prints which are required.",
        (_without("eventTime"),),
    ),
    Code.FIELD_TYPE: Explanation(
        'A field has the wrong JSON type. Nothing is coerced: "3" is not 3, true is not 1, 1.0 is no integer, and null '
        "is a value only for causationId.",
        "Send the type that `schema EVENT_TYPE` prints; leave an optional field out instead of sending null.",
        (_data("order.updated", items=[{"sku": "sku-1", "quantity": "3"}]),),
    ),
    Code.FIELD_FORMAT: Explanation(
        "A text does not have the form of its field: an id with other characters, an eventId that is no UUID, a "
        "currency in small letters, an amount that is no number, completedAt without a zone.",
        "See the pattern of the field in `schema EVENT_TYPE --format jsonschema`; look for blanks and line breaks.",
        (_data("order.updated", orderId="order 1"),),
    ),
    Code.CONTENT_TYPE: Explanation(
        "dataContentType is there and is not application/json (parameters are fine).",
        "Leave dataContentType out or send application/json.",
        (_text(_event(dataContentType="text/plain")),),
    ),
    Code.UNKNOWN_EVENT_TYPE: Explanation(
        "The contract has no event type of exactly this name.",
        "Check spelling and case. A new event type is one model and one line in schemas/registry.py, deployed before "
        "its producer.",
        (_text(_event(eventType="order.paid")),),
    ),
    Code.TOPIC_MISMATCH: Explanation(
        "The event type exists but belongs on another topic.",
        "Publish it to the topic that docs/data-contract.md gives for it.",
        (_text(_event("iot.telemetry")),),
    ),
    Code.SOURCE_NOT_ALLOWED: Explanation(
        "This source may not send this event type.",
        "Set source to exactly the name that docs/data-contract.md gives; another service needs another contract.",
        (_text(_event(source="payment-service")),),
    ),
    Code.TIME_FORMAT: Explanation(
        "eventTime is not an RFC 3339 time with Z or an offset: no zone, a blank for the T, seconds 60, epoch numbers.",
        "Format it as 2024-01-15T10:30:00Z.",
        (_text(_event(eventTime="2024-01-15 10:30:00")),),
    ),
    Code.TIME_RANGE: Explanation(
        "eventTime is before 2000-01-01T00:00:00Z or more than 300 s after the message was published.",
        "Set the producer's clock (NTP). Milliseconds taken for seconds give years far ahead.",
        (_text(_event(eventTime="2024-01-15T10:40:00Z")),),
    ),
    Code.FIELD_RANGE: Explanation(
        "A value is outside its range: a negative amount, more than 29 digits before or 9 after the point, quantity 0, "
        "an integer over 64 bits, a time out of range.",
        "Round money before sending, and send refunds and returns as the event types made for them.",
        (_data("payment.processed", amount="-19.99"),),
    ),
    Code.EVENT_ID_CONFLICT: Explanation(
        "An event with this eventId and other content was accepted before. The first event is retained.",
        "Give every event its own eventId; resend an event only unchanged.",
        (_text(_event()), _data("order.updated", status="CANCELLED")),
    ),
    Code.SINK_REJECTED: Explanation(
        "A table rejected a row for good. The event itself is valid and stored; only this table lacks its row, and the dead "
        "letter names table, column and reason. Usually the table and the models differ.",
        "Run `provision` so that the tables follow the models. Then `redrive --codes SINK_REJECTED` inserts the rows from the "
        "event store; `replay --mode backfill` over the range does the same for all tables. The dead letter is resolved when "
        "the table holds the row.",
    ),
    Code.SINK_EXHAUSTED: Explanation(
        "Writing a row failed until the retry budget was used up: an outage or a quota. The event itself is valid.",
        "When BigQuery answers again, `redrive --codes SINK_EXHAUSTED` inserts the rows from the event store; `replay --mode "
        "backfill` over the range does the same. The dead letter is resolved when the table holds the row.",
    ),
    Code.INTERNAL: Explanation(
        "An unexpected exception: a bug in the pipeline, not in the message.",
        "Report it with the dead letter's id. After an update that fixes it, `redrive` these dead letters.",
    ),
}

NOTES = {
    Note.BOM_REMOVED: "a byte order mark in front of the payload was dropped",
    Note.TIME_TRUNCATED: "a time had more than six fraction digits; the rest was cut",
    Note.UNKNOWN_FIELD: "a field that the contract does not know; it is kept in the event store",
    Note.CONTROL_CHARS: "a text holds control characters; they are kept",
}


def show(data: bytes, width: int = 600) -> str:
    """Return a payload for a terminal: other bytes than text are escaped, long payloads are cut."""
    text = data.decode(errors="backslashreplace")
    text = "".join(char if char.isprintable() or char == "\n" else ascii(char)[1:-1] for char in text[:width])
    return text if len(data) <= width else f"{text} … ({len(data):,} bytes)"
