"""The telemetry feed: every measurement as Avro by hour of its event time, for training (contract 5)."""

from collections.abc import Iterator
from io import BytesIO

import fastavro
import pyarrow as pa
import pyarrow.compute as pc

from schemas.registry import REGISTRY
from schemas.tables import typed_table
from transforms.archive import BLOCK_BYTES, HOUR_US, hour_partition
from transforms.events import TYPED_PREFIX, EventBatch
from transforms.sinks.files import FileContent

FEED = "ml/iot_telemetry"
TABLE = "iot_telemetry"
COLUMNS = ("event_id", "event_time", "publish_time", "device_id", "metric", "value", "unit")
TELEMETRY_TABLE = typed_table(TABLE, REGISTRY)
TELEMETRY_AVRO = {
    "type": "record",
    "name": TABLE,
    "fields": [
        next(column for column in TELEMETRY_TABLE.columns if column.name == name).avro_field() for name in COLUMNS
    ],
}
_SCHEMA = fastavro.parse_schema(TELEMETRY_AVRO)


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
    names = [name if name in rows.schema.names else TYPED_PREFIX + name for name in COLUMNS]
    cells = [
        (rows.column(name).cast(pa.int64()) if name.endswith("_time") else rows.column(name)).to_pylist()
        for name in names
    ]
    file = BytesIO()
    records = (dict(zip(COLUMNS, row, strict=True)) for row in zip(*cells, strict=True))
    fastavro.writer(file, _SCHEMA, records, sync_interval=BLOCK_BYTES)
    return file.getvalue()
