"""The telemetry feed: every measurement as Avro by hour of its event time, for training (docs/data-contract.md#files)."""

import pyarrow as pa

from schemas.registry import REGISTRY
from schemas.tables.definitions import typed_table
from transforms.event_batch import TYPED_PREFIX
from transforms.sinks.files.avro_blocks import encode_column, file_header, file_pieces, join_records
from transforms.sinks.files.feed import Feed

TABLE = "iot_telemetry"
COLUMNS = ("event_id", "event_time", "publish_time", "device_id", "metric", "value", "unit")
_TABLE = typed_table(TABLE, REGISTRY)
_COLUMNS = {name: next(column for column in _TABLE.columns if column.name == name) for name in COLUMNS}
TELEMETRY_AVRO = {"type": "record", "name": TABLE, "fields": [column.avro_field() for column in _COLUMNS.values()]}
_HEADER = file_header(TELEMETRY_AVRO)


def telemetry_avro(rows: pa.RecordBatch) -> bytes:
    """Return rows of a wide batch as one Avro file of the feed."""
    names = set(rows.schema.names)
    cells = [
        encode_column(rows.column(name if name in names else TYPED_PREFIX + name), optional=not column.required)
        for name, column in _COLUMNS.items()
    ]
    return b"".join(file_pieces(_HEADER, [(rows.num_rows, join_records(cells))]))


TELEMETRY = Feed("Telemetry", "ml/iot_telemetry", _TABLE, "avro", telemetry_avro)
