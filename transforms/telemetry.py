"""The telemetry feed: every measurement as Avro by hour of its event time, for training (contract 5)."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from schemas.registry import REGISTRY
from schemas.tables import typed_table
from transforms.archive import HOUR_US, hour_partition
from transforms.avro_blocks import encode_column, file_header, file_pieces, join_records
from transforms.events import TYPED_PREFIX, EventBatch
from transforms.sinks.files import FileContent

FEED = "ml/iot_telemetry"
TABLE = "iot_telemetry"
COLUMNS = ("event_id", "event_time", "publish_time", "device_id", "metric", "value", "unit")
TELEMETRY_TABLE = typed_table(TABLE, REGISTRY)
_COLUMNS = {name: next(column for column in TELEMETRY_TABLE.columns if column.name == name) for name in COLUMNS}
TELEMETRY_AVRO = {"type": "record", "name": TABLE, "fields": [column.avro_field() for column in _COLUMNS.values()]}
_HEADER = file_header(TELEMETRY_AVRO)


def telemetry_files(batch: EventBatch) -> Iterator[FileContent]:
    """Turn a batch of telemetry into one Avro file an hour; batches of other tables give none."""
    if batch.table != TABLE:
        return
    rows = batch.rows
    for hour, part in split_by_hour(rows, rows.column("event_time")):
        yield FileContent(FEED, hour_partition(hour * HOUR_US), "avro", part.num_rows, telemetry_avro(part))


def split_by_hour(rows: pa.RecordBatch, times: pa.Array) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Cut rows by the hour of a time column, in order of the hours."""
    hours = pc.divide(times.cast(pa.int64()), HOUR_US)
    for hour in sorted(pc.unique(hours).to_pylist()):
        yield hour, rows.filter(pc.equal(hours, hour))


def telemetry_avro(rows: pa.RecordBatch) -> bytes:
    """Return rows of a wide batch as one Avro file of the feed."""
    names = set(rows.schema.names)
    cells = [
        encode_column(rows.column(name if name in names else TYPED_PREFIX + name), optional=not column.required)
        for name, column in _COLUMNS.items()
    ]
    return b"".join(file_pieces(_HEADER, [(rows.num_rows, join_records(cells))]))
