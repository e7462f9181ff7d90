"""Feed: rows of one typed table as files of the lake, by hour of their event time; what a feed is, without Beam."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from schemas.tables.definitions import Table
from transforms.event_batch import EventBatch
from transforms.sinks.files.files import FileContent
from transforms.sinks.files.partitions import HOUR_US, hour_partition


@dataclass(frozen=True)
class Feed:
    """One feed. `label` is the CamelCase part of its step's name; `folder` is the folder under the root of the lake.

    `encode` turns rows of the table's wide batch (`transforms/event_batch.py`) into the bytes of one file.
    """

    label: str
    folder: str
    table: Table
    extension: str
    encode: Callable[[pa.RecordBatch], bytes]

    def parts(self, batch: EventBatch) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Yield a batch's rows by partition of the lake; batches of other tables give none."""
        if batch.table == self.table.name:
            for hour, rows in split_by_hour(batch.rows, batch.rows.column("event_time")):
                yield hour_partition(hour * HOUR_US), rows

    def content(self, partition: str, rows: pa.RecordBatch) -> FileContent:
        """Return one file of the feed."""
        return FileContent(self.folder, partition, self.extension, rows.num_rows, self.encode(rows))

    def files(self, batch: EventBatch) -> Iterator[FileContent]:
        """Turn a batch into one file per partition."""
        for partition, rows in self.parts(batch):
            yield self.content(partition, rows)


def split_by_hour(rows: pa.RecordBatch, times: pa.Array) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Split rows by the hour of a time column, in the order of the hours."""
    hours = pc.divide(times.cast(pa.int64()), HOUR_US)
    for hour in sorted(pc.unique(hours).to_pylist()):
        yield hour, rows.filter(pc.equal(hours, hour))
