"""A message as the bus delivers it, and its forms in files, as a line or a record (docs/data-contract.md#messages)."""

import base64
import re
from datetime import datetime
from typing import Any

import msgspec

from schemas.timestamps import (
    EARLIEST_US,
    LATEST_US,
    TimeFormatError,
    TimeRangeError,
    from_datetime,
    parse_rfc3339,
    to_rfc3339,
)

TOPICS = ("orders", "customers", "inventory", "iot-events")
"""The short names of the topics; a closed list, so that a metric may carry one."""

MAX_BYTES = 1_048_576
"""The size limit of a message's data, in bytes, counted before parsing."""

UNKNOWN_TOPIC = "unknown"
"""What a metric says of a message whose topic is not in the list."""


MESSAGE_AVRO: dict[str, Any] = {
    "type": "record",
    "name": "Message",
    "fields": [
        {"name": "topic", "type": "string"},
        {"name": "messageId", "type": "string"},
        {"name": "publishTime", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "attributes", "type": {"type": "map", "values": "string"}},
        {"name": "data", "type": "bytes"},
    ],
}
"""A record of the archive: the same five fields as Avro (docs/data-contract.md#messages)."""


class Message(msgspec.Struct, frozen=True, gc=False):
    """What the bus delivers. `publish_time` is in microseconds since 1970 and is the message's clock."""

    topic: str
    message_id: str
    publish_time: int
    attributes: dict[str, str]
    data: bytes


class NotAMessage(msgspec.Struct, frozen=True, gc=False):
    """A line or record that is no message: its bytes, the topic of its file, and why (no value quoted)."""

    topic: str
    data: bytes
    path: str
    reason: str


class _Line(msgspec.Struct, gc=False):
    """The JSON form: Pub/Sub's own REST `PubsubMessage` with the topic beside it; msgspec decodes the base64."""

    topic: str
    messageId: str
    publishTime: str
    attributes: dict[str, str]
    data: bytes


_decode_line = msgspec.json.Decoder(_Line).decode


def topic_label(topic: str) -> str:
    """Return the topic if it is one of the closed list, else `unknown`."""
    return topic if topic in TOPICS else UNKNOWN_TOPIC


def parse_line(line: bytes, topic: str) -> Message | NotAMessage:
    """Parse one line of a message file; `topic` (of the file) labels a line that cannot say its own."""
    try:
        raw = _decode_line(line)
        publish_time, _ = parse_rfc3339(raw.publishTime)
    except msgspec.ValidationError as error:
        return NotAMessage(topic, line, _path_of(error), "a field of the message is missing or of the wrong form")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return NotAMessage(topic, line, "", "the line is not a JSON object")
    except (TimeFormatError, TimeRangeError):
        return NotAMessage(topic, line, "publishTime", "publishTime is not an RFC 3339 time")
    return Message(raw.topic, raw.messageId, publish_time, raw.attributes, raw.data)


def format_line(message: Message) -> bytes:
    """Return the message as one JSON line, newline included."""
    return (
        msgspec.json.encode(
            {
                "topic": message.topic,
                "messageId": message.message_id,
                "publishTime": to_rfc3339(message.publish_time),
                "attributes": message.attributes,
                "data": base64.b64encode(message.data).decode(),
            }
        )
        + b"\n"
    )


def from_record(record: Any, topic: str) -> Message | NotAMessage:
    """Turn one record of the Avro archive into a message; `publishTime` comes as microseconds or as a datetime."""
    try:
        moment = record["publishTime"]
        message = msgspec.convert(
            {
                "topic": record["topic"],
                "message_id": record["messageId"],
                "publish_time": from_datetime(moment) if isinstance(moment, datetime) else moment,
                "attributes": record["attributes"],
                "data": record["data"],
            },
            Message,
            builtin_types=(bytes,),
        )
    except (KeyError, TypeError, msgspec.ValidationError):
        return NotAMessage(topic, _text_of(record), "", "the record lacks a field of a message")
    if not EARLIEST_US <= message.publish_time <= LATEST_US:
        return NotAMessage(topic, _text_of(record), "publishTime", "publishTime is outside the years 1 to 9999")
    return message


def _text_of(record: Any) -> bytes:
    """Return a record that is no message as JSON text, bytes in base64: a dead letter keeps it whole."""
    return msgspec.json.encode(record, enc_hook=repr)


_FIELD = re.compile(r"(?:required field `|`\$\.|in \$\.)(\w+)").search


def _path_of(error: msgspec.ValidationError) -> str:
    """Read the field out of msgspec's error (`… - at `$.data``), whose text quotes our names and never values."""
    found = _FIELD(str(error))
    return found[1] if found else ""
