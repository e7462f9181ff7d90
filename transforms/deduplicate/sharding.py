"""What DeduplicateStream's keyed step gets and keeps: events by shard of their id, a directory of buckets, held ids.

Events go to a shard as Arrow bytes, a bundle's events together, so that a shard is called once a bundle.
"""

import secrets
import struct
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
import msgspec
import numpy as np
import pyarrow as pa
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.timestamp import Timestamp
from apache_beam.utils.windowed_value import WindowedValue

from transforms.decode.identity import identities, shard_of
from transforms.event_batch import EventBatch

SLOTS = 6
"""Buckets that a shard holds at most: the horizon's, and room for publish times that come out of order."""
EMPTY = -1
_DIRECTORY = struct.Struct(f"<16s{SLOTS}q")
ShardedRows = tuple[int, bytes]
"""A shard, and its events of a bundle: (table, Arrow bytes) of each table, packed."""
pack_tables = msgspec.msgpack.Encoder().encode
unpack_tables = msgspec.msgpack.Decoder(list[tuple[str, bytes]]).decode


class ByShardFn(beam.DoFn):
    """Hands out the events of a bundle by shard, so that a shard is called once a bundle."""

    def __init__(self, shards: int) -> None:
        self._shards = shards

    def start_bundle(self) -> None:
        self._waiting: dict[str, list[pa.RecordBatch]] = {}
        self._earliest: Timestamp | None = None

    def process(self, batch: EventBatch, timestamp: Any = beam.DoFn.TimestampParam) -> None:
        self._waiting.setdefault(batch.table, []).append(batch.rows)
        self._earliest = timestamp if self._earliest is None else min(self._earliest, timestamp)

    def finish_bundle(self) -> Iterator[WindowedValue]:
        tables = [(table, pa.concat_batches(waiting)) for table, waiting in self._waiting.items()]
        for shard, parts in split_by_shard(tables, self._shards).items():
            yield WindowedValue((shard, pack_tables(parts)), self._earliest, [GlobalWindow()])


def split_by_shard(tables: Iterable[tuple[str, pa.RecordBatch]], shards: int) -> dict[int, list[tuple[str, bytes]]]:
    """Split wide batches by shard of the event id; each part as Arrow bytes beside its table's name."""
    parts: dict[int, list[tuple[str, bytes]]] = {}
    for table, rows in tables:
        shard = shard_of(identities(rows), shards) if shards > 1 else np.zeros(rows.num_rows, np.int64)
        for number in np.unique(shard).tolist():
            part = rows if shards == 1 else rows.filter(pa.array(shard == number))
            parts.setdefault(number, []).append((table, part.serialize().to_pybytes()))
    return parts


class Directory:
    """Which bucket stands in which slot of a shard's state, and a token that names exactly this content."""

    def __init__(self, packed: bytes | None) -> None:
        if packed:
            self.token, *self.buckets = _DIRECTORY.unpack(packed)
        else:
            self.token, self.buckets = b"", [EMPTY] * SLOTS

    def pack(self) -> bytes:
        """Return the state's bytes under a new token."""
        self.token = secrets.token_bytes(16)
        return _DIRECTORY.pack(self.token, *self.buckets)

    def live(self) -> list[int]:
        """Return the buckets that hold ids."""
        return sorted(bucket for bucket in self.buckets if bucket != EMPTY)
