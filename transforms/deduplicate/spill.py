"""Spilled event batches: decoded events wait in files for the verdict on their ids, so that memory stays flat.

One spill is three files: `NAME.arrow` (wide batches of one table, but for their messages), `NAME.messages` (what a dead
letter would hold of them, read only for an id that conflicts with itself) and `NAME.ids` (their identities, sorted
by shard). On a local disk they are mapped and not read: what is cut out of them is copied once.
"""

import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from transforms.decode.identity import ID, identities, shard_of

OF_MESSAGES = ("payload", "attributes")
"""The columns of `NAME.messages`."""
_IDENTITY = ("content",)
"""Columns that are in the identities and needed no more."""


class Spill(NamedTuple):
    """A spilled file of events of one table."""

    path: str
    table: str
    rows: int


class IdSlice(NamedTuple):
    """Where the ids of one shard are in a spill's file of identities: all that is shuffled of an event."""

    path: str
    first: int
    size: int


def write_spill(
    folder: str, table: str, batches: list[pa.RecordBatch], shards: int
) -> tuple[Spill, dict[int, IdSlice]]:
    """Write one spill; return it and the slices of its ids by shard."""
    path = FileSystems.join(folder, uuid.uuid4().hex)
    names = [name for name in batches[0].schema.names if name not in (*OF_MESSAGES, *_IDENTITY)]
    _write_batches(path + ".arrow", [batch.select(names) for batch in batches])
    _write_batches(path + ".messages", [batch.select(OF_MESSAGES) for batch in batches])
    parts, row = [], 0
    for batch in batches:
        parts.append(identities(batch, row))
        row += batch.num_rows
    ids = np.concatenate(parts)
    shard = shard_of(ids, shards)
    order = np.argsort(shard, kind="stable")
    with _create(path + ".ids") as file:
        file.write(ids[order])
    edges = np.searchsorted(shard[order], np.arange(shards + 1))
    slices = {
        number: IdSlice(path, int(edges[number]), int(edges[number + 1] - edges[number]))
        for number in range(shards)
        if edges[number + 1] > edges[number]
    }
    return Spill(path, table, row), slices


def read_ids(part: IdSlice) -> np.ndarray:
    """Read the identities of one slice."""
    with FileSystems.open(part.path + ".ids", compression_type=CompressionTypes.UNCOMPRESSED) as file:
        file.seek(part.first * ID.itemsize)
        data = file.read(part.size * ID.itemsize)
    return np.frombuffer(data, ID)


def read_spill(spill: Spill, without: Iterable[int] = ()) -> pa.RecordBatch:
    """Read the events of a spill as one batch, without some of its rows (in order); their messages are left out."""
    with _open(spill.path + ".arrow") as batches:
        parts = list(_cut(batches, without))
        return pa.concat_batches(parts) if parts else batches[0].slice(0, 0)


def read_rows(spill: Spill, rows: list[int]) -> pa.RecordBatch:
    """Read some rows of a spill (in order), without their messages."""
    with _open(spill.path + ".arrow") as batches:
        return _take(batches, rows)


def read_messages(spill: Spill, rows: list[int]) -> pa.RecordBatch:
    """Read what some rows of a spill (in order) hold of their messages."""
    with _open(spill.path + ".messages") as batches:
        return _take(batches, rows)


def _take(batches: list[pa.RecordBatch], rows: list[int]) -> pa.RecordBatch:
    parts, first = [], 0
    for batch in batches:
        mine = [row - first for row in rows if first <= row < first + batch.num_rows]
        first += batch.num_rows
        parts += [batch.take(pa.array(mine))] if mine else []
    return pa.concat_batches(parts)


def _cut(batches: list[pa.RecordBatch], without: Iterable[int]) -> Iterator[pa.RecordBatch]:
    """Yield the slices between rows that are left out; nothing is copied."""
    gaps, first = iter(without), 0
    gap = next(gaps, -1)
    for batch in batches:
        start, end = first, first + batch.num_rows
        while 0 <= gap < end:
            if gap > start:
                yield batch.slice(start - first, gap - start)
            start, gap = gap + 1, next(gaps, -1)
        if start < end:
            yield batch.slice(start - first)
        first = end


def _write_batches(path: str, batches: list[pa.RecordBatch]) -> None:
    with _create(path) as file, pa.ipc.new_file(file, batches[0].schema) as writer:
        for batch in batches:
            writer.write_batch(batch)


@contextmanager
def _create(path: str) -> Iterator[pa.NativeFile]:
    if "://" not in path:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with pa.OSFile(path, "wb") as file:
            yield file
    else:
        mime, plain = "application/octet-stream", CompressionTypes.UNCOMPRESSED
        with FileSystems.create(path, mime, plain) as raw, pa.PythonFile(raw, "w") as file:
            yield file


@contextmanager
def _open(path: str) -> Iterator[list[pa.RecordBatch]]:
    """Give the batches of a file. What is cut out of them and outlives the block is to be copied."""
    if "://" not in path:
        with pa.memory_map(path) as file:
            yield _batches(file)
    else:
        with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as raw:
            data = raw.read()
        yield _batches(pa.BufferReader(data))


def _batches(file: pa.NativeFile) -> list[pa.RecordBatch]:
    reader = pa.ipc.open_file(file)
    return [reader.get_batch(number) for number in range(reader.num_record_batches)]
