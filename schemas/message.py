"""A message as the bus delivers it, and its line form in files (docs/data-contract.md#messages).

The Avro forms are in schemas/message_records.py, the other JSON forms in schemas/message_forms.py.
"""

import base64
import re

import msgspec

from schemas.timestamps import TimeFormatError, TimeRangeError, parse_rfc3339, to_rfc3339

TOPICS = ("orders", "customers", "inventory", "iot-events")
"""The short names of the topics; a closed list, so that a metric may carry one."""

FORMS = ("auto", "messages", "events")
"""What the values of a file may be: messages with their five fields, plain events, or each found out by itself."""

MAX_BYTES = 1_048_576
"""The size limit of a message's data, in bytes, counted before parsing."""

UNKNOWN_TOPIC = "unknown"
"""The label in metrics and paths of a topic that is not in the list."""

ORDERING_KEY = "ordering_key"
"""The attribute that holds a message's ordering key, as Pub/Sub's Cloud Storage subscriptions write it."""


class Message(msgspec.Struct, frozen=True, gc=False):
    """What the bus delivers. `publish_time` is in microseconds since 1970 and is the message's clock."""

    topic: str
    message_id: str
    publish_time: int
    attributes: dict[str, str]
    data: bytes


class NotAMessage(msgspec.Struct, frozen=True, gc=False):
    """A line or record that is no message: its bytes, the topic of its file, and why (no value quoted).

    `size` and `sha256` are those of the whole line when it was too long to hold: `data` is then its beginning.
    """

    topic: str
    data: bytes
    path: str
    reason: str
    size: int = 0
    sha256: str = ""


class _Line(msgspec.Struct, gc=False):
    """Pub/Sub's REST form of a message, in camel or snake case; msgspec decodes the base64.

    REST leaves out empty attributes and empty data. The topic is an addition of ours.
    """

    topic: str | None = None
    messageId: str | None = None
    publishTime: str | None = None
    attributes: dict[str, str] = {}
    data: bytes = b""
    orderingKey: str = ""
    message_id: str | None = None
    publish_time: str | None = None
    ordering_key: str = ""


FIELD_REASON = "a field of the message is missing or of the wrong form"
_decode_line = msgspec.json.Decoder(_Line).decode


def topic_label(topic: str) -> str:
    """Return the topic if it is one of the closed list, else `unknown`."""
    return topic if topic in TOPICS else UNKNOWN_TOPIC


def parse_line(line: bytes, topic: str) -> Message | NotAMessage:
    """Parse one message as JSON.

    Args:
        line: one JSON object, without a byte order mark.
        topic: the topic of the file, for a message that does not name its own.
    """
    try:
        raw = _decode_line(line)
        message_id = raw.message_id if raw.messageId is None else raw.messageId
        moment = raw.publish_time if raw.publishTime is None else raw.publishTime
        if message_id is None:
            return NotAMessage(topic, line, "messageId", FIELD_REASON)
        if moment is None:
            return NotAMessage(topic, line, "publishTime", FIELD_REASON)
        publish_time, _ = parse_rfc3339(moment)
    except msgspec.ValidationError as error:
        return NotAMessage(topic, line, _path_of(error), FIELD_REASON)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return NotAMessage(topic, line, "", "the line is not a JSON object")
    except (TimeFormatError, TimeRangeError):
        return NotAMessage(topic, line, "publishTime", "publishTime is not an RFC 3339 time")
    attributes, ordering_key = raw.attributes, raw.orderingKey or raw.ordering_key
    if ordering_key:
        attributes = {**attributes, ORDERING_KEY: ordering_key}
    return Message(topic if raw.topic is None else raw.topic, message_id, publish_time, attributes, raw.data)


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


_FIELD = re.compile(r"(?:required field `|`\$\.|in \$\.)(\w+)").search


def _path_of(error: msgspec.ValidationError) -> str:
    """Read the field out of msgspec's error (`… - at `$.data``), whose text quotes our names and never values."""
    found = _FIELD(str(error))
    return found[1] if found else ""
