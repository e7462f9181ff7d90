"""The telemetry feed: every measurement as Parquet by hour of its event time, for training (docs/lake.md).

Files of earlier versions are Avro; `event-pipelines lake compact` turns them into Parquet.
"""

import pyarrow as pa

from schemas.registry import REGISTRY
from schemas.tables.definitions import typed_table
from schemas.tables.lake import IOT_TELEMETRY
from transforms.event_batch import TYPED_PREFIX
from transforms.sinks.files.feed import Feed
from transforms.sinks.files.parquet import parquet_bytes, sort_order

TABLE = "iot_telemetry"
FEED = IOT_TELEMETRY.folder
TELEMETRY_SCHEMA = IOT_TELEMETRY.arrow_schema()


def telemetry_parquet(rows: pa.RecordBatch) -> bytes:
    """Return rows of a wide batch as one file of the feed, sorted by device, metric and event time."""
    names = set(rows.schema.names)
    cells = [rows.column(name if name in names else TYPED_PREFIX + name) for name in TELEMETRY_SCHEMA.names]
    table = pa.Table.from_arrays(cells, schema=TELEMETRY_SCHEMA)
    return parquet_bytes(table.sort_by([(name, "ascending") for name in sort_order(FEED)]), FEED)


TELEMETRY = Feed("Telemetry", FEED, typed_table(TABLE, REGISTRY), "parquet", telemetry_parquet)
