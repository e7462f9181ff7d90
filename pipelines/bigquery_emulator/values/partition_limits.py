"""Enforce BigQuery's limit on streaming into partitions: from 1825 days back to 366 days ahead of the current date.

The limit is on streaming, that is insertAll, the default stream and COMMITTED streams of the Storage Write API, into a
table that is partitioned by a DATE, DATETIME or TIMESTAMP column: rows beyond are rejected
(https://cloud.google.com/bigquery/docs/streaming-data-into-bigquery#time-unit_column_partitioning; the text of the error
is BigQuery's as of January 2025). What is committed as a batch reaches every partition: PENDING streams, load jobs, DML.
NULL goes into the partition of its own.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines.bigquery_emulator.store.types import kind

PAST_DAYS, FUTURE_DAYS = 1825, 366
_EPOCH = datetime.date(1970, 1, 1)
_DAY_MICROSECONDS = 86_400_000_000
_EPOCH_TIME = datetime.datetime(1970, 1, 1)
_MICROSECOND = datetime.timedelta(microseconds=1)


@dataclass(frozen=True)
class StreamBounds:
    """The range of one table's partitioning column: `first` and `last` in days or microseconds since 1970 (UTC)."""

    table: str
    column: str
    first: int
    last: int

    def outside(self, batch: pa.RecordBatch) -> list[tuple[int, str]]:
        """Return (row index, message) of the rows that may not be streamed."""
        index = next((i for i, name in enumerate(batch.schema.names) if name.lower() == self.column.lower()), None)
        if index is None:
            return []
        column = batch.column(index)
        ticks = column.view(pa.int32() if pa.types.is_date32(column.type) else pa.int64())
        values = ticks.fill_null(self.first).to_numpy(zero_copy_only=False)
        rows = np.flatnonzero((values < self.first) | (values > self.last))
        return [(int(row), self._text(int(values[row]))) for row in rows]

    def hold(self, value: datetime.date | None) -> bool:
        """Report whether a value of the column may be streamed."""
        return value is None or self.first <= _ticks(value) <= self.last

    def message(self, value: datetime.date) -> str:
        """Return BigQuery's error for a value outside."""
        return self._text(_ticks(value))

    def _text(self, value: int) -> str:
        return (
            f"Value {value} for partition column {self.column} of the destination table {self.table} is outside the "
            f"allowed bounds. You can only stream to partitions of date range within {PAST_DAYS} days in the past and "
            f"{FUTURE_DAYS} days in the future relative to the current date."
        )


def stream_bounds(table: dict[str, Any], today: datetime.date) -> StreamBounds | None:
    """Return the bounds of a table from its REST resource; None when it is not partitioned by a column of time."""
    name = table.get("timePartitioning", {}).get("field", "")
    fields = {field["name"].lower(): field for field in table.get("schema", {}).get("fields", [])}
    field = fields.get(name.lower())
    if field is None:
        return None
    day = (today - _EPOCH).days
    first, last = day - PAST_DAYS, day + FUTURE_DAYS
    if kind(field) != "DATE":
        first, last = first * _DAY_MICROSECONDS, (last + 1) * _DAY_MICROSECONDS - 1
    reference = table["tableReference"]
    return StreamBounds(f"{reference['datasetId']}.{reference['tableId']}", field["name"], first, last)


def _ticks(value: datetime.date) -> int:
    if isinstance(value, datetime.datetime):
        return (value.replace(tzinfo=None) - _EPOCH_TIME) // _MICROSECOND
    return (value - _EPOCH).days
