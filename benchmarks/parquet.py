"""The last step of every Python variant: write the event's two rows as Parquet, one folder per table.

Beam-free, so that the engines of other venvs write by the same code; the project's own variants cut rows themselves.
"""

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.event import Event
from schemas.tables.definitions import EVENTS, TABLES, Table
from transforms.event_batch import TYPED_PREFIX, EventColumns

PART_ROWS = 16_384
RUN_ID = "bench"


def cut(batch: pa.RecordBatch, table: Table, prefix: str = "") -> pa.RecordBatch:
    """Select a table's rows from a wide batch."""
    names, arrays = set(batch.schema.names), []
    for field in table.arrow_schema():
        if field.name == "run_id":
            arrays.append(pa.repeat(pa.scalar(RUN_ID), batch.num_rows))
        elif field.name == "ingest_time":
            arrays.append(pa.repeat(pa.scalar(0, field.type), batch.num_rows))
        elif field.name == "data_text" and not prefix:
            arrays.append(batch.column("data"))
        else:
            typed = prefix + field.name
            arrays.append(batch.column(typed if prefix and typed in names else field.name))
    return pa.RecordBatch.from_arrays(arrays, schema=table.arrow_schema())


class ParquetParts:
    """Buffer rows per table and write them in parts of one size."""

    def __init__(self, output: Path, name: str = "part") -> None:
        self._output, self._name = output, name
        self._columns = EventColumns()
        self._waiting: dict[str, list[pa.RecordBatch]] = {}
        self._parts = 0

    def add_events(self, events: Iterable[Event]) -> None:
        """Add both rows of each event."""
        for part in self._columns.batches([(event, b"", {}) for event in events]):
            self.add_wide(part.table, part.rows)

    def add_wide(self, table: str, rows: pa.RecordBatch) -> None:
        """Add both rows of each event of a wide batch."""
        self.add(EVENTS.name, cut(rows, EVENTS))
        self.add(table, cut(rows, TABLES[table], TYPED_PREFIX))

    def add(self, table: str, rows: pa.RecordBatch) -> None:
        """Add rows of one table; write a full part."""
        waiting = self._waiting.setdefault(table, [])
        waiting.append(rows)
        if sum(batch.num_rows for batch in waiting) >= PART_ROWS:
            self._write(table)

    def _write(self, table: str) -> None:
        waiting = self._waiting.pop(table)
        folder = self._output / table
        folder.mkdir(parents=True, exist_ok=True)
        self._parts += 1
        path = folder / f"{self._name}-{self._parts:05d}.parquet"
        pq.write_table(pa.Table.from_batches(waiting), path, compression="snappy")

    def close(self) -> None:
        """Write all buffered rows."""
        for table in list(self._waiting):
            self._write(table)
