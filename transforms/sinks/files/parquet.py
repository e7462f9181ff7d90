"""Parquet files of the lake: zstd, statistics per column, and rows in a stated order that readers can skip by."""

import pyarrow as pa
import pyarrow.parquet as pq

_SORT_ORDERS = {
    "ml/iot_telemetry": ("device_id", "metric", "event_time", "event_id"),
    "ml/iot_features": ("window_start", "device_id", "metric"),
}


def sort_order(feed: str) -> tuple[str, ...]:
    """Return the columns by which the rows of a feed's files are sorted, ascending; empty if they are not."""
    return _SORT_ORDERS.get(feed, ())


def parquet_bytes(table: pa.Table, feed: str) -> bytes:
    """Return sorted rows as one Parquet file of a feed."""
    order = [(name, "ascending") for name in sort_order(feed) if name in table.column_names]
    sink = pa.BufferOutputStream()
    sorting = pq.SortingColumn.from_ordering(table.schema, order) if order else None
    pq.write_table(table, sink, compression="zstd", sorting_columns=sorting)
    return bytes(sink.getvalue().to_pybytes())
