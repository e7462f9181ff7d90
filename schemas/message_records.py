"""The Avro forms in which files hold messages: which writer's schema is one, and how its records are read.

| form | fields |
| --- | --- |
| Pub/Sub's Cloud Storage subscription; our archive | subscription_name, message_id, publish_time, attributes, data |
| Cloud Storage subscription without metadata (record `PubsubMessage`) | data |
| DataflowTemplates' Pub/Sub to Avro | message, attributes, timestamp |
| our archive before it took Pub/Sub's schema | topic, messageId, publishTime, attributes, data |

The order of fields, further fields, the record's name and unions with null do not matter: a null is found in the
record. The schema that a writer used and that is none of these is named with what it lacks.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from schemas.avro_types import check_items, unwrap, without_logical_types
from schemas.message import UNKNOWN_TOPIC, Message, NotAMessage
from schemas.message_forms import event_topic, subscription_topic
from schemas.timestamps import EARLIEST_US, LATEST_US, from_datetime

MESSAGE_AVRO: dict[str, Any] = {
    "type": "record",
    "namespace": "com.google.pubsub",
    "name": "PubsubMessageWithMetadata",
    "fields": [
        {"name": "subscription_name", "type": "string"},
        {"name": "message_id", "type": "string"},
        {"name": "publish_time", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "attributes", "type": {"type": "map", "values": "string"}},
        {"name": "data", "type": "bytes"},
    ],
}
"""A record of the archive, as Pub/Sub's Cloud Storage subscriptions write it. In files of ours `subscription_name` is
the message's topic: a message may come from a file, and the topic is what a replay needs."""

WRITER_KEY, WRITER = "writer", "event-pipelines"
"""The entry in the header of an Avro file that marks a file of this project, not one of Pub/Sub's own."""

_NAMES: dict[str, tuple[str, ...]] = {
    "topic": ("topic", "subscription_name"),
    "message_id": ("message_id", "messageId"),
    "publish_time": ("publish_time", "publishTime"),
    "attributes": ("attributes",),
    "data": ("data",),
}
_TEMPLATE: dict[str, tuple[str, ...]] = {
    "data": ("message",),
    "attributes": ("attributes",),
    "publish_time": ("timestamp",),
}
_UNITS = {"timestamp-millis": (1000, 1), "timestamp-micros": (1, 1), "timestamp-nanos": (1, 1000)}


class UnknownSchema(ValueError):
    """The schema of an Avro file is none of a message; the text says what it lacks."""


class RecordForm(NamedTuple):
    """How the records of one file become messages.

    `schema` is the writer's without logical types: times are read as plain numbers. `parse` takes a record and its
    place in the file.
    """

    schema: dict[str, Any]
    parse: Callable[[dict[str, Any], int], Message | NotAMessage]


class _Field(NamedTuple):
    """A field of the writer's; times are multiplied and divided to microseconds."""

    name: str
    multiply: int = 1
    divide: int = 1


_EXPECTED = {
    "topic": "string",
    "message_id": "string",
    "publish_time": "long with logicalType timestamp-micros",
    "attributes": "map of string",
    "data": "bytes",
}
_MOST_SUBSCRIPTIONS = 1000


def record_form(schema: Any, topic: str, as_of: int, name: str, *, own: bool = False) -> RecordForm:
    """Return how a file of a writer's schema is read; raise UnknownSchema when its records are no messages.

    Args:
        schema: the schema in the file's header, parsed from its JSON.
        topic: the topic that the file's name or folder says.
        as_of: the publish time of messages that have none, UTC microseconds.
        name: how the ids of messages begin that have none; the record's place in the file follows.
        own: whether the file is one of this project's archive, where `subscription_name` is the topic.
    """
    if not isinstance(schema, dict) or schema.get("type") != "record":
        raise UnknownSchema("its schema is not a record")
    fields = _fields(schema)
    if not check_items(schema):
        raise UnknownSchema("its schema has an array whose items take no bytes")
    return RecordForm(without_logical_types(schema), _Parser(fields, topic, as_of, name, own=own))


def _fields(schema: dict[str, Any]) -> dict[str, _Field]:
    """Return the field that holds each part of a message."""
    try:
        types = {field["name"]: field["type"] for field in schema["fields"]}
        name = str(schema.get("name", "")).rsplit(".", 1)[-1]
    except (KeyError, TypeError):
        raise UnknownSchema("its schema is not a record with fields") from None
    found: dict[str, _Field] = {}
    lacks = []
    for part, known in _names(name, types).items():
        field_name = next((candidate for candidate in known if candidate in types), None)
        field = _field(part, field_name, types[field_name]) if field_name is not None else None
        if field is not None:
            found[part] = field
        elif field_name is not None:
            lacks.append(f"{field_name} of type {_EXPECTED[part]}")
        elif part != "topic":
            lacks.append(" or ".join(known))
    if lacks:
        raise UnknownSchema(f"its schema is not that of a message: it lacks {', '.join(lacks)}")
    return found


def _names(name: str, types: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return the names under which a schema may hold each part."""
    if {"message", "timestamp"} <= types.keys() and "data" not in types:
        return _TEMPLATE
    metadata = {known for part in ("message_id", "publish_time") for known in _NAMES[part]}
    if name == "PubsubMessage" and not metadata & types.keys():
        return {part: _NAMES[part] for part in ("attributes", "data") if part == "data" or part in types}
    return _NAMES


def _field(part: str, name: str, given: Any) -> _Field | None:
    """Return a field with its unit of time, or None when its type is not that of its part of a message."""
    branches = given if isinstance(given, list) else [given]
    kinds = [unwrap(branch) for branch in branches]
    values = [(kind, properties) for kind, properties in kinds if kind != "null"]
    if not values:
        return None
    units = (1, 1)
    for kind, properties in values:
        if part == "publish_time" and kind == "long":
            logical = properties.get("logicalType", "timestamp-millis" if name == "timestamp" else None)
            if logical not in _UNITS:
                return None
            units = _UNITS[logical]
        elif not _fits(part, kind, properties):
            return None
    return _Field(name, *units)


def _fits(part: str, kind: Any, properties: dict[str, Any]) -> bool:
    if part == "attributes":
        return bool(kind == "map") and _is_text(properties.get("values"))
    if part == "data":
        return bool(kind == "bytes" or (kind == "array" and unwrap(properties.get("items"))[0] == "bytes"))
    return part in ("topic", "message_id") and bool(kind == "string")


def _is_text(values: Any) -> bool:
    return all(unwrap(value)[0] in ("string", "null") for value in (values if isinstance(values, list) else [values]))


class _Parser:
    """Turn records into messages; one that has a null is none."""

    def __init__(self, fields: dict[str, _Field], topic: str, as_of: int, name: str, *, own: bool) -> None:
        self._topic, self._as_of, self._name = topic, as_of, name
        self._data = fields["data"].name
        self._id, self._attributes = (
            fields[part].name if part in fields else None for part in ("message_id", "attributes")
        )
        self._time, self._given = fields.get("publish_time"), fields["topic"].name if "topic" in fields else None
        self._verbatim = own or self._given == "topic"
        self._topics: dict[str, str] = {}

    def __call__(self, record: dict[str, Any], place: int) -> Message | NotAMessage:
        data = record[self._data]
        attributes = record[self._attributes] if self._attributes else {}
        message_id = record[self._id] if self._id else f"{self._name}:{place:08d}"
        moment = record[self._time.name] if self._time else self._as_of
        given = record[self._given] if self._given else ""
        if None in (data, attributes, message_id, moment, given):
            return NotAMessage(self._topic, _text_of(record), "", "the record lacks a field of a message")
        if None in attributes.values():
            return NotAMessage(self._topic, _text_of(record), "attributes", "an attribute of the message is null")
        if self._time:
            moment = moment * self._time.multiply // self._time.divide
        if not EARLIEST_US <= moment <= LATEST_US:
            reason = "publishTime is outside the years 1 to 9999"
            return NotAMessage(self._topic, _text_of(record), "publishTime", reason)
        if type(data) is list:
            data = b"".join(data)
        return Message(given if self._verbatim else self._topic_of(given, data), message_id, moment, attributes, data)

    def _topic_of(self, subscription: str, data: bytes) -> str:
        topic = self._topics.get(subscription)
        if topic is None:
            topic = subscription_topic(subscription) or self._topic
            if len(self._topics) < _MOST_SUBSCRIPTIONS:
                self._topics[subscription] = topic
        return topic if topic != UNKNOWN_TOPIC else event_topic(data) or topic


def from_record(record: Any, topic: str) -> Message | NotAMessage:
    """Turn a record with metadata, read by its writer's schema, into a message.

    Args:
        record: its fields; the publish time is a datetime or a number of microseconds.
        topic: the topic of the file, for a record that is no message.
    """
    try:
        parts = {part: next(record[name] for name in names if name in record) for part, names in _NAMES.items()}
        if isinstance(parts["publish_time"], datetime):
            parts["publish_time"] = from_datetime(parts["publish_time"])
        message = msgspec.convert(parts, Message, builtin_types=(bytes,))
    except (StopIteration, KeyError, TypeError, msgspec.ValidationError):
        return NotAMessage(topic, _text_of(record), "", "the record lacks a field of a message")
    if not EARLIEST_US <= message.publish_time <= LATEST_US:
        return NotAMessage(topic, _text_of(record), "publishTime", "publishTime is outside the years 1 to 9999")
    return message


def _text_of(record: Any) -> bytes:
    """Return a record that is no message as JSON text, bytes in base64: a dead letter keeps it whole."""
    return msgspec.json.encode(record, enc_hook=repr)
