"""Spilled event batches: decoded events wait in files for the verdict on their ids, so that memory stays flat.

One spill is two files: `NAME.arrow` (wide batches of one table) and `NAME.ids` (their identities, sorted by shard).
"""

import io
import uuid
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from transforms.events import EventBatch
from transforms.identity import ID, identities, shard_of


class Spill(NamedTuple):
    """A spilled file of events of one table."""

    path: str
    table: str
    rows: int


class IdSlice(NamedTuple):
    """Where the ids of one shard stand in a spill's file of identities: all that is shuffled of an event."""

    path: str
    first: int
    size: int


def write_spill(
    folder: str, table: str, batches: list[pa.RecordBatch], shards: int
) -> tuple[Spill, dict[int, IdSlice]]:
    """Write one spill; return it and the slices of its ids by shard."""
    path = FileSystems.join(folder, uuid.uuid4().hex)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, batches[0].schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    _write(path + ".arrow", sink.getvalue())
    parts, row = [], 0
    for batch in batches:
        parts.append(identities(batch, row))
        row += batch.num_rows
    ids = np.concatenate(parts)
    shard = shard_of(ids, shards)
    order = np.argsort(shard, kind="stable")
    _write(path + ".ids", ids[order].tobytes())
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


def read_spill(spill: Spill) -> list[EventBatch]:
    """Read the events of a spill."""
    with FileSystems.open(spill.path + ".arrow", compression_type=CompressionTypes.UNCOMPRESSED) as file:
        data = file.read()
    reader = pa.ipc.open_file(io.BytesIO(data) if not isinstance(data, bytes) else pa.py_buffer(data))
    return [EventBatch(spill.table, reader.get_batch(number)) for number in range(reader.num_record_batches)]


def _write(path: str, data: bytes | pa.Buffer) -> None:
    with FileSystems.create(path, "application/octet-stream", CompressionTypes.UNCOMPRESSED) as file:
        file.write(data)
