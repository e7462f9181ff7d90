"""Plain messages: those with nothing odd, which most are, read by one typed parse instead of many checks.

A plain message is ASCII or UTF-8 without escapes and control characters, has the known fields alone, each once and of
its JSON type, and names an event type of its topic and source. What is said here is only that: forms and ranges of the
fields are checked on columns (transforms/decode/fast_path.py). Whatever is not plain goes to `Decoder`, which knows the
contract's order of checks; so nothing is rejected here, and a type that this module cannot shape is never plain.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import msgspec
from pydantic.fields import FieldInfo

from schemas.message import MAX_BYTES, Message, NotAMessage
from schemas.models.field_types import (
    INT64_MAX,
    Currency,
    Id,
    ListOf,
    Money,
    Number,
    Payload,
    PersonalText,
    Quantity,
    Text,
    Time,
)
from schemas.registry import EventType, Registry, nested_model

_C1_CONTROL = re.compile(rb"\xc2[\x80-\x9f]").search
_ABSENT = ""
_CONTENT_TYPES = (None, "application/json", "application/json; charset=utf-8")
"""None is absent: a null is bytes that are not explained (below)."""

Kind = Literal["id", "currency", "quantity", "money", "number", "time", "text", "personal"]
_KINDS: dict[Kind, tuple[Any, Any]] = {
    # the contract's field type, and how it is read: numbers that may not meet a float stay text
    "id": (Id, str),
    "currency": (Currency, str),
    "quantity": (Quantity, Annotated[int, msgspec.Meta(ge=1, le=INT64_MAX)]),
    "money": (Money, msgspec.Raw),
    "number": (Number, msgspec.Raw),
    "time": (Time, str),
    "text": (Text, str),
    "personal": (PersonalText, str),
}


class _Metadata(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    correlationId: str
    causationId: str | None = _ABSENT


class PlainEnvelope(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The envelope with its data left as text; `causationId` is empty where it is absent."""

    eventId: str
    eventType: str
    eventTime: str
    source: str
    data: msgspec.Raw
    metadata: _Metadata
    dataContentType: str | None = None


Plain = tuple[Message, PlainEnvelope, bytes, Any, bytes]
"""A plain message: the message, its envelope, its data as text, as a shape, and in canonical JSON."""


@dataclass
class PlainType:
    """An event type whose model has a shape, with the plain messages of one batch.

    `size` is that of a compact envelope without its optional fields, its time and its data.
    """

    event_type: EventType
    decode: Any
    size: int
    rows: list[Plain] = field(default_factory=list)


_KNOWN = {kind: FieldInfo.from_annotation(contract) for kind, (contract, _) in _KINDS.items()}


def kind_of(info: FieldInfo) -> Kind | None:
    """Return the kind of a field whose type is exactly one of the contract's, else None."""
    for kind, known in _KNOWN.items():
        if (info.annotation, info.metadata) == (known.annotation, known.metadata):
            return kind
    return None


def shape_of(model: type[Payload]) -> type[msgspec.Struct] | None:
    """Return the struct that reads a model's JSON, fields in alphabetical order; None where one is not of the contract.

    Encoded again it is canonical JSON: sorted keys, numbers as they are spelled.
    """
    decorators = model.__pydantic_decorators__
    if any(getattr(decorators, name) for name in decorators.__dataclass_fields__):
        return None
    if model.model_config != Payload.model_config:
        return None
    fields: list[Any] = []
    for name, info in sorted(model.model_fields.items()):
        kind = _read_as(info)
        if kind is None or not (info.is_required() or info.default is None):
            return None
        fields.append((name, kind) if info.is_required() else (name, kind, None))
    return msgspec.defstruct(
        model.__name__, fields, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, gc=False
    )


def _read_as(info: FieldInfo) -> Any:
    inner = nested_model(info)
    if inner is None:
        kind = kind_of(info)
        return None if kind is None else _KINDS[kind][1]
    known = FieldInfo.from_annotation(ListOf[inner])  # type: ignore[valid-type]
    shape = shape_of(inner)
    return list[shape] if shape is not None and info.metadata == known.metadata else None  # type: ignore[valid-type]


class PlainReader:
    """Reads the plain messages of a batch, by the event types of one registry."""

    def __init__(self, registry: Registry, *, accept_cloudevents: bool = False) -> None:
        self._accept_cloudevents = accept_cloudevents
        shapes = ((event_type, shape_of(event_type.model)) for event_type in registry)
        self._types = [
            (one, msgspec.json.Decoder(shape).decode, len(_COMPACT) + len(one.name) + len(one.source))
            for one, shape in shapes
            if shape is not None
        ]
        self._envelope = msgspec.json.Decoder(PlainEnvelope).decode
        self._encode = msgspec.json.Encoder().encode

    def read(
        self, messages: Iterable[Message | NotAMessage]
    ) -> tuple[dict[str, PlainType], list[Message | NotAMessage]]:
        """Return the plain messages by event type, and all others as they came. One loop: it runs for every message."""
        types = {event_type.name: PlainType(event_type, decode, size) for event_type, decode, size in self._types}
        others: list[Message | NotAMessage] = []
        read_envelope, encode, cloudevents = self._envelope, self._encode, self._accept_cloudevents
        for message in messages:
            data = message.data
            if (
                type(message) is not Message
                or b"\\" in data
                or b"\x7f" in data
                or (b"\xc2" in data and _C1_CONTROL(data))
                or len(data) > MAX_BYTES
                or (cloudevents and message.attributes)
            ):
                others.append(message)
                continue
            try:
                envelope = read_envelope(data)
                known = types[envelope.eventType]
                text = bytes(envelope.data)
                shape = known.decode(text)
            except (msgspec.MsgspecError, KeyError, UnicodeDecodeError, RecursionError):
                others.append(message)
                continue
            canonical, event_type = encode(shape), known.event_type
            if (
                envelope.source == event_type.source
                and message.topic == event_type.topic
                and envelope.dataContentType in _CONTENT_TYPES
                and (len(canonical) == len(text) or canonical.count(b'"') == text.count(b'"'))
                and (len(data) == _compact_size(known, envelope, text) or data.count(b'"') == _marks(envelope, text))
            ):
                known.rows.append((message, envelope, text, shape, canonical))
            else:
                others.append(message)
        return types, others


_COMPACT = (
    '{"eventId":"","eventType":"","eventTime":"","source":"","data":,"metadata":{"correlationId":""}}' + 2 * 36 * "x"
)
_CAUSATION, _CONTENT_TYPE = ',"causationId":""' + 36 * "x", ',"dataContentType":""'
"""What the optional fields add. Ids are taken to have the 36 characters of a UUID; where they do not, they are rejected."""


# Whether a key is there twice is told by size: a parser keeps one of two equal keys, so the text of the other is bytes
# that what was parsed does not explain. Without white space every byte counts, else the quotation marks do: without
# escapes each string has two. What is parsed never explains more than is there, so equal means that nothing is hidden.


def _compact_size(known: PlainType, envelope: PlainEnvelope, text: bytes) -> int:
    """Return the size of a message without white space that says what was parsed."""
    causation = envelope.metadata.causationId
    size = known.size + len(envelope.eventTime) + len(text)
    if causation is None:
        size += len(_CAUSATION) - 34
    elif causation:
        size += len(_CAUSATION)
    content_type = envelope.dataContentType
    return size + len(_CONTENT_TYPE) + len(content_type) if content_type else size


def _marks(envelope: PlainEnvelope, text: bytes) -> int:
    """Return the number of quotation marks of a message that says what was parsed."""
    causation = envelope.metadata.causationId
    marks = text.count(b'"') + _COMPACT.count('"')
    if causation is None:
        marks += 2
    elif causation:
        marks += 4
    return marks + 4 if envelope.dataContentType else marks
