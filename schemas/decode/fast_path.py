"""The fast path of decoding: most messages are read by one typed parse instead of many checks.

A message takes the fast path if it is ASCII or UTF-8 without escapes and control characters, has only known fields, each
once and of its JSON type, and names an event type of its topic and source. Formats and ranges of the fields are checked
later, on columns (transforms/decode/fast_path.py). Every other message goes to the full decoder (`Decoder`), which applies
the contract's order of checks. So nothing is rejected here, and an event type whose model cannot be expressed as a struct
never takes the fast path.
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
"""None means absent. A null is not: its bytes are not counted below, so such a message takes the full decoder."""

Kind = Literal["id", "currency", "quantity", "money", "number", "time", "text", "personal"]
_KINDS: dict[Kind, tuple[Any, Any]] = {
    # the contract's field type, and how it is read; numbers stay text if a float would change them
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


class FastEnvelope(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The envelope with its data left as text; `causationId` is empty if it is absent."""

    eventId: str
    eventType: str
    eventTime: str
    source: str
    data: msgspec.Raw
    metadata: _Metadata
    dataContentType: str | None = None


FastMessage = tuple[Message, FastEnvelope, bytes, Any, bytes]
"""A message of the fast path: the message, its envelope, its data as text, as a struct, and in canonical JSON."""


@dataclass
class FastType:
    """An event type of the fast path, with the messages of one batch.

    `size` is that of a compact envelope without its optional fields, its time and its data.
    """

    event_type: EventType
    decode: Any
    size: int
    rows: list[FastMessage] = field(default_factory=list)


_KNOWN = {kind: FieldInfo.from_annotation(contract) for kind, (contract, _) in _KINDS.items()}


def kind_of(info: FieldInfo) -> Kind | None:
    """Return the kind of a field whose type is exactly one of the contract's, else None."""
    for kind, known in _KNOWN.items():
        if (info.annotation, info.metadata) == (known.annotation, known.metadata):
            return kind
    return None


def shape_of(model: type[Payload]) -> type[msgspec.Struct] | None:
    """Return the struct that reads a model's JSON, fields in alphabetical order; None if a field has another type.

    Encoded again it is canonical JSON: sorted keys, numbers with the digits of the message.
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


class FastReader:
    """Read the messages of a batch that can take the fast path, by the event types of one registry."""

    def __init__(self, registry: Registry, *, accept_cloudevents: bool = False) -> None:
        self._accept_cloudevents = accept_cloudevents
        shapes = ((event_type, shape_of(event_type.model)) for event_type in registry)
        self._types = [
            (
                event_type,
                msgspec.json.Decoder(shape).decode,
                len(_COMPACT) + len(event_type.name) + len(event_type.source),
            )
            for event_type, shape in shapes
            if shape is not None
        ]
        self._envelope = msgspec.json.Decoder(FastEnvelope).decode
        self._encode = msgspec.json.Encoder().encode

    def read(
        self, messages: Iterable[Message | NotAMessage]
    ) -> tuple[dict[str, FastType], list[Message | NotAMessage]]:
        """Return the messages of the fast path by event type, and all others unchanged. One loop: it runs per message."""
        types = {event_type.name: FastType(event_type, decode, size) for event_type, decode, size in self._types}
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
"""Texts that the optional fields add. Ids are counted with the 36 characters of a UUID; other ids are rejected later."""


# A duplicate key is found by size: a parser keeps one of two equal keys, so the message is larger than the parsed values
# account for. Without white space all bytes are compared, otherwise the quotation marks (without escapes a string has
# two). Parsed values never account for more than the message holds, so equal sizes mean that no key was dropped.


def _compact_size(known: FastType, envelope: FastEnvelope, text: bytes) -> int:
    """Return the size in bytes of a message without white space that has the parsed values."""
    causation = envelope.metadata.causationId
    size = known.size + len(envelope.eventTime) + len(text)
    if causation is None:
        size += len(_CAUSATION) - 34
    elif causation:
        size += len(_CAUSATION)
    content_type = envelope.dataContentType
    return size + len(_CONTENT_TYPE) + len(content_type) if content_type else size


def _marks(envelope: FastEnvelope, text: bytes) -> int:
    """Return the number of quotation marks of a message that has the parsed values."""
    causation = envelope.metadata.causationId
    marks = text.count(b'"') + _COMPACT.count('"')
    if causation is None:
        marks += 2
    elif causation:
        marks += 4
    return marks + 4 if envelope.dataContentType else marks
