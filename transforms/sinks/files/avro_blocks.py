"""Avro container files written from columns: what fastavro does record by record, a column at a time.

Every field of a record becomes Arrow columns of bytes; Arrow's join of those, row by row, is one buffer that holds the
records of a block. Nothing is made for one record alone (docs/decisions/0011). The tests read such files with fastavro.
"""

import zlib
from collections.abc import Iterable
from io import BytesIO
from itertools import chain
from typing import Any

import fastavro
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from transforms.sinks.files.files import Piece

SYNC_BYTES = 16
DEFLATE_LEVEL = 3
"""Of 53.4 MiB of 100,000 simulated messages level 1 makes 10.5 MiB, 3 makes 9.8, 6 makes 8.6, in 0.33, 0.32 and 0.68
CPU-s; zstd level 1 makes 7.9 in 0.10, but common readers of Avro have no zstd."""
_END_OF_MAP = pa.scalar(b"\0", pa.binary())
_BRANCHES = pa.array([b"\0", b"\2"], pa.binary())
"""Which branch of a union with null follows: null, or the value."""
_SHIFTS = np.arange(0, 70, 7, dtype=np.uint64)
_PLACES = np.arange(10)
_FLOAT_BYTES = 8

Cells = list[pa.BinaryArray | pa.BinaryScalar]
"""One field of all records of a block: columns whose bytes follow each other; a scalar is the same in each record."""

Block = tuple[int, memoryview]
"""How many records, and their bytes."""


def _cut(data: np.ndarray, sizes: np.ndarray) -> pa.BinaryArray:
    """Return bytes as cells of the given sizes."""
    edges = np.zeros(len(sizes) + 1, np.int32)
    np.cumsum(sizes, out=edges[1:])
    return pa.Array.from_buffers(pa.binary(), len(sizes), [None, pa.py_buffer(edges), pa.py_buffer(data)])


def encode_longs(values: np.ndarray) -> pa.BinaryArray:
    """Return each value of an int64 array as a long: zigzag, then seven bits a byte, the lowest first."""
    left = (values << 1).view(np.uint64) ^ (values >> 63).view(np.uint64)
    groups = left[:, None] >> _SHIFTS
    sizes = np.maximum((groups != 0).sum(axis=1), 1)
    cells = (groups & np.uint64(0x7F)).astype(np.uint8)
    cells[(sizes - 1)[:, None] > _PLACES] |= 0x80
    return _cut(cells[sizes[:, None] > _PLACES], sizes)


_SIZES = encode_longs(np.arange(1 << 13))
"""The sizes of nearly all texts and payloads, encoded."""


def encode_bytes(values: pa.BinaryArray) -> Cells:
    """Return each value with its length before it."""
    sizes = pc.binary_length(values).to_numpy()
    known = sizes.max(initial=0) < len(_SIZES)
    return [_SIZES.take(pa.array(sizes)) if known else encode_longs(sizes.astype(np.int64)), values]


def encode_texts(values: list[str]) -> Cells:
    """Return each text with its length before it, in UTF-8."""
    return encode_bytes(pa.array(values, pa.string()).cast(pa.binary()))


def encode_maps(maps: list[dict[str, str]]) -> Cells:
    """Return maps of texts: a block of pairs with their number, if there are any, and the end mark."""
    sizes = np.fromiter(map(len, maps), np.int64, len(maps))
    if not sizes.any():
        return [_END_OF_MAP]
    keys, values = list(chain.from_iterable(maps)), list(chain.from_iterable(pairs.values() for pairs in maps))
    edges, pairs = _layout(_joined([encode_texts(keys), encode_texts(values)]))
    counts = pc.if_else(pa.array(sizes > 0), encode_longs(sizes), b"")
    return [counts, _cut(pairs, np.diff(edges[np.cumsum(sizes)], prepend=0)), _END_OF_MAP]


def encode_column(column: pa.Array, *, optional: bool) -> Cells:
    """Return the cells of a text, float, integer or timestamp column; `optional` makes each a union with null."""
    if not optional:
        return _encode(column)
    valid = column.is_valid().to_numpy(zero_copy_only=False)
    places = pa.array(np.cumsum(valid) - 1, mask=~valid)  # an absent cell has its branch and nothing more
    present = [cells.take(places).fill_null(b"") for cells in _encode(column.drop_null())]
    return [_BRANCHES.take(pa.array(valid.astype(np.int8))), *present]


def _encode(column: pa.Array) -> Cells:
    if pa.types.is_string(column.type):
        return encode_bytes(column.cast(pa.binary()))
    if pa.types.is_float64(column.type):
        return [_cut(column.to_numpy().astype("<f8"), np.full(len(column), _FLOAT_BYTES))]
    return [encode_longs(column.cast(pa.int64()).to_numpy())]


def _joined(fields: Iterable[Cells]) -> pa.BinaryArray:
    return pc.binary_join_element_wise(*chain.from_iterable(fields), b"")


def _layout(cells: pa.BinaryArray) -> tuple[np.ndarray, np.ndarray]:
    """Return the edges between the cells of a whole array, and all their bytes."""
    _, edges, data = cells.buffers()
    ends = np.frombuffer(edges, np.int32)[: len(cells) + 1]
    return ends, np.frombuffer(data, np.uint8)[: ends[-1]]


def join_records(fields: Iterable[Cells]) -> memoryview:
    """Return the records of one block out of their encoded fields."""
    return _layout(_joined(fields))[1].data


def file_header(schema: dict[str, Any], *, codec: str = "null", metadata: dict[str, str] | None = None) -> bytes:
    """Return how a file of a schema begins, as fastavro writes it; its last bytes end every block.

    Args:
        schema: the schema of the records.
        codec: the codec by which the caller compresses the records of each block.
        metadata: further entries of the header.
    """
    file = BytesIO()
    fastavro.writer(file, fastavro.parse_schema(schema), [], codec=codec, metadata=metadata)
    return file.getvalue()


def deflate(records: memoryview) -> memoryview:
    """Return a block's records compressed for the codec `deflate`."""
    deflated = zlib.compressobj(DEFLATE_LEVEL, wbits=-zlib.MAX_WBITS)
    return memoryview(deflated.compress(records) + deflated.flush())


def file_pieces(header: bytes, blocks: Iterable[Block]) -> list[Piece]:
    """Return a whole file in pieces; the blocks' records are encoded by the header's schema."""
    pieces, sync = list[Piece]([header]), header[-SYNC_BYTES:]
    for count, records in blocks:
        if count:
            sizes = encode_longs(np.array([count, len(records)], np.int64))
            pieces += (*sizes.to_pylist(), records, sync)
    return pieces
