"""Decode: from a message to its one outcome, an event or a dead letter. Pure and total: nothing is raised.

A message with nothing odd takes the fast way; any other is read again by the slow way, which knows the contract's
order of checks. Both end in the same envelope and data checks.
"""

import re
from hashlib import blake2b
from typing import Any

import msgspec

from schemas.cloudevents import from_cloudevent
from schemas.data import check_data
from schemas.envelope import Envelope, check_envelope, is_uuid
from schemas.event import DeadLetter, Event, dead_letter
from schemas.fields import Payload
from schemas.message import Message
from schemas.outcomes import Code, Note, Refused, Stage
from schemas.payload import BOM, inspect_object, parse_object
from schemas.registry import REGISTRY, Registry
from schemas.times import parse_rfc3339
from schemas.unknown import envelope_extensions, has_unknown_field, look

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]").search


class _Raw(msgspec.Struct):
    """The envelope with its data left as text."""

    data: msgspec.Raw


_raw_data = msgspec.json.Decoder(_Raw).decode
_canonical = msgspec.json.Encoder(order="sorted", decimal_format="number").encode


class Decoder:
    """Decode messages by one registry; `accept_cloudevents` also takes CloudEvents 1.0 (contract 2)."""

    def __init__(self, registry: Registry = REGISTRY, *, accept_cloudevents: bool = False) -> None:
        self.registry = registry
        self.accept_cloudevents = accept_cloudevents

    def decode(self, message: Message) -> Event | DeadLetter:
        """Return the one outcome of a message."""
        event: dict[str, Any] | None = None
        try:
            event = parsed = parse_object(message.data)
            odd = parsed is None
            if parsed is None:
                event = parsed = self._inspect(message.data)
            if self.accept_cloudevents:
                event = from_cloudevent(parsed, message.attributes)
            try:
                return self._accept(message, event or parsed, parsed, odd)
            except Refused:
                if not odd:  # the fast parser may have missed an earlier fault, of the stage json
                    self._inspect(message.data)
                raise
        except Refused as refused:
            return dead_letter(message, refused, *self._identity(event))
        except Exception:  # a bug: the contract's INTERNAL, counted and 0 in every test; its text could quote a payload
            refused = Refused(Stage.INTERNAL, Code.INTERNAL, "", "an exception nobody expected")
            return dead_letter(message, refused, *self._identity(event))

    def _inspect(self, data: bytes) -> dict[str, Any]:
        return inspect_object(data, lambda value: look(value, self.registry))

    def _identity(self, event: dict[str, Any] | None) -> tuple[str | None, str | None]:
        """Return event id and type of a refused message where they are what they should be: closed forms both."""
        if event is None:
            return None, None
        event_id, name = event.get("eventId"), event.get("eventType")
        return (
            event_id.lower() if isinstance(event_id, str) and is_uuid(event_id) else None,
            name if isinstance(name, str) and self.registry.get(name) else None,
        )

    def _accept(self, message: Message, event: dict[str, Any], parsed: dict[str, Any], odd: bool) -> Event:
        envelope = check_envelope(event, message.topic, message.publish_time, self.registry)
        event_type = envelope.event_type
        payload = check_data(event_type, envelope.data, message.publish_time)
        raw = message.data
        extensions, notes = None, ()
        unknown = has_unknown_field(event, event_type)
        if unknown:
            if not odd:  # the fast parser does not see colliding keys, overlong integers and infinities there
                self._inspect(raw)
            extra = envelope_extensions(event)
            extensions = _canonical(extra).decode() if extra else None
        if unknown or odd or envelope.truncated or b"\\" in raw or b"\x7f" in raw or not raw.isascii() or event_type.times:
            notes = _notes(envelope, payload, raw, unknown)
        return Event(
            event_id=envelope.event_id,
            event_type=event_type.name,
            event_time=envelope.event_time,
            source=event_type.source,
            topic=message.topic,
            entity_id=getattr(payload, event_type.entity),
            correlation_id=envelope.correlation_id,
            causation_id=envelope.causation_id,
            data=_data_text(raw, envelope.data, envelope.data is parsed),
            extensions=extensions,
            notes=notes,
            message_id=message.message_id,
            publish_time=message.publish_time,
            amount=getattr(payload, event_type.amount) if event_type.amount else None,
            content=_content(envelope, extensions),
            payload=payload,
        )


_default = Decoder()


def decode(message: Message) -> Event | DeadLetter:
    """Return the one outcome of a message under the contract's own registry."""
    return _default.decode(message)


def _data_text(raw: bytes, data: dict[str, Any], is_whole: bool) -> str:
    """Return the data's text as it came; `is_whole` where the message is nothing but data (CloudEvents attributes)."""
    text = raw.removeprefix(BOM)
    return (text if is_whole else bytes(_raw_data(text).data)).decode()


def _content(envelope: Envelope, extensions: str | None) -> bytes:
    """Hash what the event says: equal for any order of keys, white space, spelling of an instant or a UUID."""
    head = (
        f"{envelope.event_type.name}|{envelope.event_time}|{envelope.correlation_id}|{envelope.causation_id}|"
        f"{extensions or ''}|"
    )
    return blake2b(head.encode() + _canonical(envelope.data), digest_size=8).digest()


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

