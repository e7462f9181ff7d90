"""One fact of an order's saga, and its compact form for keyed state.

A saga is decided from all facts of its order, so streaming keeps them all, a million orders at once: 25 to 60
bytes a fact instead of a pickled model. Each fact is self-delimiting and the bytes of several facts follow each
other, so state grows by appending. Nothing personal is kept: of a status only whether it is the cancellation.

Layout of a fact, big-endian:
    1 B   bits 0-2 the kind (index into `_KINDS`), bit 3 "correlation id as in the fact before", bits 4-7 format (0)
    8 B   event time, microseconds since 1970 (int64)
    16 B  event id
    16 B  correlation id, unless as before
    payments:   1 B length, payment id
    inventory:  1 B length, sku; 1 B length (0: none), reservation id; quantity as LEB128 varint
"""

import struct
from collections.abc import Iterable
from typing import Final, NamedTuple

CANCELLED_STATUS: Final = "CANCELLED"

_KINDS: Final[tuple[tuple[str, str | None], ...]] = (
    ("order.created", None),
    ("order.updated", None),
    ("order.updated", CANCELLED_STATUS),
    ("order.completed", None),
    ("inventory.reserved", None),
    ("inventory.released", None),
    ("payment.processed", None),
    ("payment.failed", None),
)
_KIND_OF: Final = {kind: number for number, kind in enumerate(_KINDS)}
SAGA_EVENT_TYPES: Final = frozenset(event_type for event_type, _ in _KINDS)

_HEAD: Final = struct.Struct(">Bq16s")
_KIND_MASK: Final = 0b0000_0111
_SAME_CORRELATION: Final = 0b0000_1000
_FORMAT_MASK: Final = 0b1111_0000
_INVENTORY: Final = (4, 5)
_FIRST_PAYMENT: Final = 6


class SagaFact(NamedTuple):
    """What the saga's rules need of one event; its order is the key and is not repeated. "" is absent."""

    event_time_us: int
    event_id: str
    event_type: str
    status: str | None
    correlation_id: str
    payment_id: str = ""
    reservation_id: str = ""
    sku: str = ""
    quantity: int = 0


def fact_from(
    *,
    order_id: str | None,
    event_type: str,
    event_id: str,
    event_time_us: int,
    correlation_id: str,
    status: str | None = None,
    payment_id: str | None = None,
    reservation_id: str | None = None,
    sku: str | None = None,
    quantity: int | None = None,
) -> SagaFact | None:
    """Return the fact that an event adds to the saga of `order_id`; None if it belongs to no saga."""
    if event_type not in SAGA_EVENT_TYPES or not order_id:
        return None
    cancelled = event_type == "order.updated" and status == CANCELLED_STATUS
    return SagaFact(
        event_time_us,
        event_id,
        event_type,
        CANCELLED_STATUS if cancelled else None,
        correlation_id,
        payment_id or "",
        reservation_id or "",
        sku or "",
        quantity or 0,
    )


def encode_facts(facts: Iterable[SagaFact]) -> bytes:
    """Return the facts as bytes, in the order given; raises ValueError on an id that does not fit the layout."""
    out = bytearray()
    before = ""
    for fact in facts:
        kind = _KIND_OF.get((fact.event_type, fact.status))
        if kind is None:
            raise ValueError(f"event_type {fact.event_type!r} with status {fact.status!r} is no saga fact")
        same = fact.correlation_id == before
        header = kind | _SAME_CORRELATION if same else kind
        out += _HEAD.pack(header, fact.event_time_us, _uuid_bytes(fact.event_id))
        if not same:
            before = fact.correlation_id
            out += _uuid_bytes(before)
        if kind >= _FIRST_PAYMENT:
            _put_text(out, fact.payment_id)
        elif kind in _INVENTORY:
            _put_text(out, fact.sku)
            _put_text(out, fact.reservation_id)
            _put_varint(out, fact.quantity)
    return bytes(out)


def decode_facts(data: bytes) -> list[SagaFact]:
    """Return the facts of one or more encodings laid end to end; raises ValueError on bytes that are none."""
    facts: list[SagaFact] = []
    correlation_id = ""
    at, end = 0, len(data)
    try:
        while at < end:
            header, time_us, event_id = _HEAD.unpack_from(data, at)
            if header & _FORMAT_MASK:
                raise ValueError(f"unknown saga fact format {header >> 4}")
            at += _HEAD.size
            if not header & _SAME_CORRELATION:
                correlation_id = _uuid_text(data[at : at + 16])
                at += 16
            kind = header & _KIND_MASK
            event_type, status = _KINDS[kind]
            payment_id = sku = reservation_id = ""
            quantity = 0
            if kind >= _FIRST_PAYMENT:
                payment_id, at = _take_text(data, at)
            elif kind in _INVENTORY:
                sku, at = _take_text(data, at)
                reservation_id, at = _take_text(data, at)
                quantity, at = _take_varint(data, at)
            facts.append(
                SagaFact(
                    time_us,
                    _uuid_text(event_id),
                    event_type,
                    status,
                    correlation_id,
                    payment_id,
                    reservation_id,
                    sku,
                    quantity,
                )
            )
    except (struct.error, IndexError) as error:
        raise ValueError("truncated saga facts") from error
    if at != end:
        raise ValueError("truncated saga facts")
    return facts


def append_facts(stored: bytes, facts: Iterable[SagaFact]) -> bytes:
    """Return `stored` and those of `facts` that it does not hold, so that redeliveries do not grow the state."""
    known = set(decode_facts(stored))
    fresh = [fact for fact in dict.fromkeys(facts) if fact not in known]
    return stored + encode_facts(fresh) if fresh else stored


def _uuid_bytes(text: str) -> bytes:
    raw = bytes.fromhex(text.replace("-", ""))
    if len(raw) != 16:
        raise ValueError("an event or correlation id is no UUID")
    return raw


def _uuid_text(raw: bytes) -> str:
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _put_text(out: bytearray, text: str) -> None:
    raw = text.encode("ascii")
    out.append(len(raw))  # ids are at most 128 ASCII characters; bytearray rejects more than 255
    out += raw


def _take_text(data: bytes, at: int) -> tuple[str, int]:
    start = at + 1
    end = start + data[at]
    return data[start:end].decode("ascii"), end


def _put_varint(out: bytearray, value: int) -> None:
    if value < 0:
        raise ValueError(f"quantity {value} is negative")
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)


def _take_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while data[at] & 0x80:
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
    return value | data[at] << shift, at + 1
