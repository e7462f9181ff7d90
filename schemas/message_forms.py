"""The JSON forms in which files hold messages and plain events; each value is recognized by itself.

| form | recognized by |
| --- | --- |
| message, ours or Pub/Sub's REST form | `messageId`, or `publishTime` without `eventId` |
| pushed or pulled message | an object `message` that is one, beside `ackId` or `subscription` |
| answer of a pull | a list `receivedMessages` |
| plain event | any other value |

Keys may be in camel or snake case. A value that is no JSON counts as what the rest of its file holds.
"""

from collections.abc import Iterator

import msgspec

from schemas.message import TOPICS, UNKNOWN_TOPIC, Message, NotAMessage, parse_line
from schemas.registry import REGISTRY

BOM = b"\xef\xbb\xbf"

_Raw = msgspec.Raw
_ABSENT = msgspec.Raw(b"")


class _Keys(msgspec.Struct, gc=False):
    """The keys that identify a value's form and an event's topic; their values are left as text."""

    eventId: _Raw = _ABSENT
    eventType: _Raw = _ABSENT
    type: _Raw = _ABSENT
    specversion: _Raw = _ABSENT
    messageId: _Raw = _ABSENT
    message_id: _Raw = _ABSENT
    publishTime: _Raw = _ABSENT
    publish_time: _Raw = _ABSENT
    message: _Raw = _ABSENT
    subscription: _Raw = _ABSENT
    ackId: _Raw = _ABSENT
    ack_id: _Raw = _ABSENT
    receivedMessages: _Raw = _ABSENT
    received_messages: _Raw = _ABSENT


_keys_of = msgspec.json.Decoder(_Keys).decode
_text_of = msgspec.json.Decoder(str).decode
_list_of = msgspec.json.Decoder(list[_Raw]).decode
_ERRORS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class ValueParser:
    """Turn the JSON values of one file into messages.

    Args:
        form: `messages` or `events` when the file holds only that; `auto` when each value tells.
        default: the form of values that do not tell, `messages` or `events`.
        topic: the topic that the file's name or folder says.
        as_of: the publish time of plain events, UTC microseconds.
        name: how the message ids of plain events begin; a count follows.
        own_topic: whether a plain event's type decides over `topic`.
    """

    def __init__(self, form: str, default: str, topic: str, as_of: int, name: str, *, own_topic: bool = True) -> None:
        self._form, self._topic, self._as_of, self._name, self._own = form, topic, as_of, name, own_topic
        self._expects_messages = (default if form == "auto" else form) == "messages"
        self._count = 0

    def __call__(self, values: list[bytes]) -> Iterator[Message | NotAMessage]:
        """Yield the messages of values, in order: one each, but as many as an answer of a pull holds."""
        for value in values:
            yield from self.parse(value)

    def parse(self, value: bytes) -> list[Message | NotAMessage]:
        """Return the messages of one value. A byte order mark before it counts as part of a plain event only."""
        if value[:3] == BOM:
            messages = self.parse(value[3:])
            return [
                Message(message.topic, message.message_id, message.publish_time, {}, value)
                if message.data == value[3:] and isinstance(message, Message)
                else message
                for message in messages
            ]
        if self._form == "events":
            return [self._event(value, self._topic)]
        if self._expects_messages:
            message = parse_line(value, self._topic)
            if self._form != "auto" or (type(message) is Message and message.topic != UNKNOWN_TOPIC):
                return [message]
        try:
            keys = _keys_of(value)
        except _ERRORS:
            return [self._default(value, self._topic)]
        if _is_message(keys):
            return [self._with_topic(parse_line(value, self._topic))]
        if not _is_event(keys):
            pulled = keys.received_messages if keys.receivedMessages is _ABSENT else keys.receivedMessages
            if bytes(pulled).startswith(b"["):
                return [self._received(bytes(part)) for part in _list_of(pulled)]
            if bytes(keys.message).startswith(b"{"):
                return [self._received(value)]
            return [self._default(value, self._event_topic(keys))]
        return [self._event(value, self._event_topic(keys))]

    def _received(self, value: bytes) -> Message | NotAMessage:
        """Return the message within a pushed or pulled one."""
        try:
            keys = _keys_of(value)
            inner = bytes(keys.message)
            inner_keys = _keys_of(inner)
        except _ERRORS:
            return NotAMessage(self._topic, value, "message", "the received message is not a JSON object")
        wrapper = keys.subscription, keys.ackId, keys.ack_id
        if not _is_message(inner_keys) and all(key is _ABSENT for key in wrapper):
            return self._default(value, self._event_topic(keys))
        topic = subscription_topic(_text(keys.subscription)) or self._topic
        message = parse_line(inner, topic)
        if isinstance(message, NotAMessage):
            path = f"message.{message.path}" if message.path else "message"
            return NotAMessage(topic, value, path, message.reason)
        return self._with_topic(message)

    def _default(self, value: bytes, topic: str) -> Message | NotAMessage:
        """Return what a value is that does not tell its form."""
        return parse_line(value, self._topic) if self._expects_messages else self._event(value, topic)

    def _with_topic(self, message: Message | NotAMessage) -> Message | NotAMessage:
        """Give a message of an unknown topic the topic of its event's type."""
        if isinstance(message, NotAMessage) or message.topic != UNKNOWN_TOPIC or not self._own:
            return message
        topic = event_topic(message.data) or UNKNOWN_TOPIC
        return Message(topic, message.message_id, message.publish_time, message.attributes, message.data)

    def _event(self, value: bytes, topic: str) -> Message:
        message_id = f"{self._name}:{self._count:08d}"
        self._count += 1
        return Message(topic, message_id, self._as_of, {}, value)

    def _event_topic(self, keys: _Keys) -> str:
        return (_registered(keys) if self._own else None) or self._topic


def event_topic(data: bytes) -> str | None:
    """Return the topic of the event type that a payload names, or None."""
    try:
        return _registered(_keys_of(data))
    except _ERRORS:
        return None


def subscription_topic(name: str) -> str | None:
    """Return the topic that a subscription's name tells, or None.

    Pub/Sub names subscriptions `projects/P/subscriptions/S`; S tells a topic when it is one, or has it as one of its
    parts between `-`, `_` and `.`: `orders`, `orders-sub`, `prod.iot-events.archive`.
    """
    last = name.rsplit("/", 1)[-1].replace("_", "-").replace(".", "-")
    return next((topic for topic in TOPICS if f"-{topic}-" in f"-{last}-"), None)


def tells_form(value: bytes) -> bool:
    """Return whether a text is by itself a message or plain event, by its keys."""
    try:
        keys = _keys_of(value)
    except _ERRORS:
        return False
    return _is_message(keys) or _is_event(keys)


def looks_like_messages(head: bytes) -> bool:
    """Return whether a file's first value is a message, in any of the forms, and no plain event.

    Args:
        head: the value, or as much of it as was read: a truncated value is recognized by the keys in it.
    """
    try:
        keys = _keys_of(head)
    except _ERRORS:
        return b'"messageId"' in head or (b'"publishTime"' in head and b'"eventId"' not in head)
    wrappers = keys.message, keys.receivedMessages, keys.received_messages
    return _is_message(keys) or not (_is_event(keys) or all(key is _ABSENT for key in wrappers))


def _is_message(keys: _Keys) -> bool:
    if keys.eventId is not _ABSENT:
        return False
    return any(key is not _ABSENT for key in (keys.messageId, keys.publishTime, keys.message_id, keys.publish_time))


def _is_event(keys: _Keys) -> bool:
    return any(key is not _ABSENT for key in (keys.eventId, keys.eventType, keys.specversion))


_TOPICS = {msgspec.json.encode(event_type.name): event_type.topic for event_type in REGISTRY}
"""The topic of each event type, by its name as JSON text."""


def _registered(keys: _Keys) -> str | None:
    name = keys.type if keys.eventType is _ABSENT else keys.eventType
    return _TOPICS.get(bytes(name)) or REGISTRY.topic_of(_text(name))


def _text(value: msgspec.Raw) -> str:
    try:
        return _text_of(value)
    except _ERRORS:
        return ""
