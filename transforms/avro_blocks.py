"""Avro container files written from columns: what fastavro does record by record, a column at a time.

A record's fields become pieces of bytes, one join makes a block of them. A message of 500 bytes takes a quarter of
fastavro's time (docs/decisions/0021). The tests read such files with fastavro.
"""

from collections.abc import Iterable, Sequence
from io import BytesIO
from itertools import chain
from typing import Any

import fastavro
import numpy as np
import pyarrow as pa

SYNC_BYTES = 16
NO_PAIRS = b"\0"
"""A map without pairs."""
_SHIFTS = np.arange(0, 70, 7, dtype=np.uint64)
_PLACES = np.arange(10)
_KNOWN_SIZES = 1 << 13


def encode_long(value: int) -> bytes:
    """Return one long: zigzag, then seven bits a byte, the lowest first."""
    left = value << 1 if value >= 0 else (-value << 1) - 1
    out = bytearray()
    while left > 0x7F:
        out.append(left & 0x7F | 0x80)
        left >>= 7
    out.append(left)
    return bytes(out)


_SIZES = [encode_long(size) for size in range(_KNOWN_SIZES)]
"""The sizes of nearly all texts and payloads, encoded."""


def encode_longs(values: np.ndarray) -> list[bytes]:
    """Return each value of an int64 array as a long."""
    left = (values << 1).view(np.uint64) ^ (values >> 63).view(np.uint64)
    groups = left[:, None] >> _SHIFTS
    sizes = np.maximum((groups != 0).sum(axis=1), 1)
    cells = (groups & np.uint64(0x7F)).astype(np.uint8)
    cells[(sizes - 1)[:, None] > _PLACES] |= 0x80
    raw = cells.tobytes()
    return [raw[at : at + size] for at, size in zip(range(0, len(raw), 10), sizes.tolist(), strict=True)]


def encode_sizes(values: Iterable[bytes]) -> list[bytes]:
    """Return the length of each value as a long: what stands before bytes and texts."""
    return [_SIZES[size] if size < _KNOWN_SIZES else encode_long(size) for size in map(len, values)]


def encode_bytes(values: list[bytes]) -> list[bytes]:
    """Return each value with its length before it."""
    return [size + value for size, value in zip(encode_sizes(values), values, strict=True)]


def encode_text(value: str) -> bytes:
    """Return one text with its length before it."""
    return encode_bytes([value.encode()])[0]


def encode_map(values: dict[str, str]) -> bytes:
    """Return a map of texts: one block of pairs, and the end."""
    if not values:
        return NO_PAIRS
    texts = encode_bytes([text.encode() for text in chain.from_iterable(values.items())])
    return encode_long(len(values)) + b"".join(texts) + NO_PAIRS


def encode_column(column: pa.Array, *, optional: bool) -> list[bytes]:
    """Return the cells of a text, float, integer or timestamp column; `optional` makes each a union with null."""
    if column.null_count:
        present = iter(encode_column(column.drop_null(), optional=optional))
        return [next(present) if valid else b"\0" for valid in column.is_valid().to_pylist()]
    if pa.types.is_string(column.type):
        cells = encode_bytes(column.cast(pa.binary()).to_pylist())
    elif pa.types.is_float64(column.type):
        raw = column.to_numpy().astype("<f8").tobytes()
        cells = [raw[at : at + 8] for at in range(0, len(raw), 8)]
    else:
        cells = encode_longs(column.cast(pa.int64()).to_numpy())
    return [b"\x02" + cell for cell in cells] if optional else cells


def join_records(columns: Sequence[Sequence[bytes]]) -> bytes:
    """Return the records of one block out of columns of encoded fields."""
    return b"".join(chain.from_iterable(zip(*columns, strict=True)))


def file_header(schema: dict[str, Any]) -> bytes:
    """Return how a file of a schema begins (codec null), as fastavro writes it; its last bytes end every block."""
    file = BytesIO()
    fastavro.writer(file, fastavro.parse_schema(schema), [])
    return file.getvalue()


def file_pieces(header: bytes, blocks: Iterable[tuple[int, bytes]]) -> list[bytes]:
    """Return a whole file in pieces. A block is how many records and their bytes, encoded by the header's schema."""
    pieces, sync = [header], header[-SYNC_BYTES:]
    for count, records in blocks:
        if count:
            pieces += (encode_long(count), encode_long(len(records)), records, sync)
    return pieces
