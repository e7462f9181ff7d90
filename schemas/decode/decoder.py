"""Decode: from a message to its one outcome, an event or a dead letter. Pure and total: nothing is raised.

A regular message is parsed once, fast; any other is parsed again by the slow parser, which applies the contract's order of
checks. Both ways end in the same checks of envelope and data.
"""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from schemas.decode.cloudevents import from_cloudevent
from schemas.decode.content_hash import content_word, digest, uuid_words, word_of
from schemas.decode.envelope import Envelope, check_envelope, is_uuid
from schemas.decode.event_data import check_data
from schemas.decode.json_object import BOM, inspect_object, parse_object
from schemas.decode.unknown_fields import envelope_extensions, has_unknown_field, look
from schemas.event import DeadLetter, Event, make_dead_letter
from schemas.message import Message
from schemas.models.field_types import Payload
from schemas.outcomes import Code, Note, Rejected, Stage
from schemas.registry import REGISTRY, Registry
from schemas.timestamps import parse_rfc3339

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]").search


class _Raw(msgspec.Struct):
    """The envelope with its data left as text."""

    data: msgspec.Raw


_raw_data = msgspec.json.Decoder(_Raw).decode
_canonical = msgspec.json.Encoder(order="sorted", decimal_format="number").encode


class Decoder:
    """Decode messages by one registry; `accept_cloudevents` also takes CloudEvents 1.0 (docs/data-contract.md#envelope)."""

    def __init__(self, registry: Registry = REGISTRY, *, accept_cloudevents: bool = False) -> None:
        self.registry = registry
        self.accept_cloudevents = accept_cloudevents

    def decode(self, message: Message) -> Event | DeadLetter:
        """Return the one outcome of a message."""
        event: dict[str, Any] | None = None
        try:
            parsed = parse_object(message.data)
            inspected = parsed is None
            if parsed is None:
                parsed = self.inspect(message)
            event = self._envelope_of(parsed, message)
            try:
                return self._accept(message, event, parsed, inspected)
            except Rejected:
                if not inspected:  # the fast parser may have missed an earlier fault, of the stage json
                    self.inspect(message)
                raise
        except Rejected as rejected:
            if rejected.stage is Stage.JSON:
                event = self._envelope_of(rejected.value, message) if isinstance(rejected.value, dict) else None
            return make_dead_letter(message, rejected, *self._identity(event))
        except Exception:  # a bug: the contract's INTERNAL, counted and 0 in every test; its text could quote a payload
            bug = Rejected(Stage.INTERNAL, Code.INTERNAL, "", "an exception nobody expected")
            return make_dead_letter(message, bug, *self._identity(event))

    def _envelope_of(self, parsed: dict[str, Any], message: Message) -> dict[str, Any]:
        return from_cloudevent(parsed, message.attributes) if self.accept_cloudevents else parsed

    def inspect(self, message: Message) -> dict[str, Any]:
        """Return the object of a message after every check of the stages `bytes` and `json`; raise Refused."""

        def look_at(value: Any) -> Iterator[Code]:
            event = self._envelope_of(value, message) if isinstance(value, dict) else None
            return look(value, event, self.registry)

        return inspect_object(message.data, look_at)

    def _identity(self, event: dict[str, Any] | None) -> tuple[str | None, str | None]:
        """Return event id and type of a rejected message, each only if it is valid, so neither can hold payload text."""
        if event is None:
            return None, None
        event_id, name = event.get("eventId"), event.get("eventType")
        return (
            event_id.lower() if isinstance(event_id, str) and is_uuid(event_id) else None,
            name if isinstance(name, str) and self.registry.get(name) else None,
        )

    def _accept(self, message: Message, event: dict[str, Any], parsed: dict[str, Any], inspected: bool) -> Event:
        raw = message.data
        envelope = check_envelope(event, message.topic, message.publish_time, self.registry)
        event_type = envelope.event_type
        payload = check_data(event_type, envelope.data, message.publish_time)
        extensions: str | None = None
        notes: tuple[str, ...] = ()
        unknown = has_unknown_field(event, event_type, payload)
        if unknown:
            if not inspected:  # the fast parser does not see colliding keys, overlong integers and depth there
                self.inspect(message)
            extra = envelope_extensions(event)
            extensions = _canonical(extra).decode() if extra else None
        ascii_only = raw.isascii() and b"\\" not in raw and b"\x7f" not in raw
        if unknown or inspected or envelope.truncated or event_type.times or not ascii_only:
            notes = _notes(envelope, payload, raw, unknown)
        return Event(  # by position: keyword arguments take 0.5 µs longer
            envelope.event_id,
            event_type.name,
            envelope.event_time,
            event_type.source,
            message.topic,
            getattr(payload, event_type.entity),
            envelope.correlation_id,
            envelope.causation_id,
            _data_text(raw, is_whole=envelope.data is parsed),
            extensions,
            notes,
            message.message_id,
            message.publish_time,
            getattr(payload, event_type.amount) if event_type.amount else None,
            _content(envelope, extensions),
            payload,
        )


_default = Decoder()


def decode(message: Message) -> Event | DeadLetter:
    """Return the one outcome of a message under the contract's own registry."""
    return _default.decode(message)


def _data_text(raw: bytes, *, is_whole: bool) -> str:
    """Return the data's text as it came; `is_whole` if the message is nothing but data (CloudEvents attributes)."""
    text = raw.removeprefix(BOM)
    return (text if is_whole else bytes(_raw_data(text).data)).decode()


def _content(envelope: Envelope, extensions: str | None) -> bytes:
    causation = envelope.causation_id
    text = _canonical(envelope.data)
    word: int = content_word(
        int.from_bytes(digest(text if extensions is None else text + extensions.encode()), "little"),
        word_of(envelope.event_type.name),
        envelope.event_time,
        uuid_words(envelope.correlation_id),
        (0, 0, 1) if causation is None else (*uuid_words(causation), 0),
    )
    return word.to_bytes(8, "little")


def _notes(envelope: Envelope, payload: Payload, raw: bytes, unknown: bool) -> tuple[str, ...]:
    notes = []
    if raw.startswith(BOM):
        notes.append(Note.BOM_REMOVED.value)
    times = (envelope.data.get(name) for name in envelope.event_type.times)
    if envelope.truncated or any(text is not None and parse_rfc3339(text)[1] for text in times):
        notes.append(Note.TIME_TRUNCATED.value)
    if unknown:
        notes.append(Note.UNKNOWN_FIELD.value)
    texts = (getattr(payload, name) for name in envelope.event_type.texts)
    if any(text is not None and _CONTROL(text) for text in texts):
        notes.append(Note.CONTROL_CHARS.value)
    return tuple(notes)
