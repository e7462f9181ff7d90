"""The input of DeduplicateStream's keyed step: events by shard of their id.

Events go to a shard as Arrow bytes, those of a bundle together, so that a shard is called once per bundle.
"""

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

ShardedRows = tuple[int, bytes]
"""A shard, and its events of a bundle: (table, Arrow bytes) of each table, packed."""
pack_tables = msgspec.msgpack.Encoder().encode
unpack_tables = msgspec.msgpack.Decoder(list[tuple[str, bytes]]).decode


class ByShardFn(beam.DoFn):
    """Outputs the events of a bundle by shard, so that a shard is called once per bundle."""

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
