"""The telemetry feed: Parquet with zstd, statistics and a sort order."""

import io

import pyarrow as pa
import pyarrow.parquet as pq

from transforms.event_batch import EventBatch, wide_schema
from transforms.sinks.files.telemetry import FEED, TELEMETRY, TELEMETRY_SCHEMA
from transforms.sinks.files.write_files import _FilesFn

HOUR_US = 3600 * 1_000_000


def rows(*measured: tuple[str, int, float]) -> pa.RecordBatch:
    """Return a wide batch of telemetry: device, event time in microseconds, value."""
    schema = wide_schema(TELEMETRY.table)
    values = {"typed_device_id": [], "event_time": [], "typed_value": []}
    for device, time, value in measured:
        values["typed_device_id"].append(device)
        values["event_time"].append(time)
        values["typed_value"].append(value)
    texts = {"event_id": [f"e{number}" for number in range(len(measured))], "typed_metric": ["t"] * len(measured)}
    columns = []
    for field in schema:
        name = field.name.replace(PREFIX, "typed_")
        cells = (
            values.get(name) or texts.get(name) or [0 if pa.types.is_timestamp(field.type) else None] * len(measured)
        )
        columns.append(pa.array(cells, field.type))
    return pa.RecordBatch.from_arrays(columns, schema=schema)


PREFIX = next(field.name for field in wide_schema(TELEMETRY.table) if field.name.endswith("device_id"))[
    : -len("device_id")
]


def test_a_file_is_sorted_zstd_parquet_with_statistics():
    data = TELEMETRY.encode(rows(("b", 5, 1.0), ("a", 7, 2.0), ("a", 6, 3.0)))
    file = pq.ParquetFile(io.BytesIO(data))
    assert file.read().schema.equals(TELEMETRY_SCHEMA)
    assert file.read().column("value").to_pylist() == [3.0, 2.0, 1.0]
    group = file.metadata.row_group(0)
    columns = {group.column(index).path_in_schema: group.column(index) for index in range(group.num_columns)}
    assert {column.compression for column in columns.values()} == {"ZSTD"}
    assert (columns["device_id"].statistics.min, columns["device_id"].statistics.max) == ("a", "b")
    names = [file.schema_arrow.names[column.column_index] for column in group.sorting_columns]
    assert names == ["device_id", "metric", "event_time", "event_id"]


def test_the_batches_of_a_bundle_are_one_file_per_hour():
    fn = _FilesFn(TELEMETRY, flush_bytes=1 << 20)
    fn.start_bundle()
    for number in range(5):
        batch = EventBatch("iot_telemetry", rows(("d", number, 1.0), ("d", HOUR_US + number, 1.0)))
        assert list(fn.process(batch)) == []
    contents = [windowed.value for windowed in fn.finish_bundle()]
    assert [(content.feed, content.partition, content.rows) for content in contents] == [
        (FEED, "dt=1970-01-01/hour=00", 5),
        (FEED, "dt=1970-01-01/hour=01", 5),
    ]
    assert list(fn.finish_bundle()) == []


def test_files_are_flushed_when_the_rows_that_wait_are_large():
    fn = _FilesFn(TELEMETRY, flush_bytes=1)
    fn.start_bundle()
    assert [content.rows for content in fn.process(EventBatch("iot_telemetry", rows(("d", 1, 1.0))))] == [1]
    assert list(fn.finish_bundle()) == []
