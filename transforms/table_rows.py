"""ToRows: cut the event store's rows and the typed tables' rows out of wide event batches, without copying cells."""

from collections.abc import Iterator
from dataclasses import dataclass

import apache_beam as beam
import pyarrow as pa

from schemas.registry import REGISTRY, Registry
from schemas.tables.definitions import EVENTS, Table, typed_table
from transforms.event_batch import TYPED_PREFIX, EventBatch


@dataclass
class TableRows:
    """Rows of one table as one Arrow record batch in that table's schema."""

    table: str
    rows: pa.RecordBatch


@dataclass(frozen=True)
class Run:
    """The run that writes rows: its id, its start (UTC microseconds) and the version of the code."""

    run_id: str
    started: int
    version: str


def event_rows(batch: pa.RecordBatch, run: Run) -> pa.RecordBatch:
    """Return the rows of event_store.events."""
    return _cut(batch, EVENTS, run, "")


def typed_rows(batch: pa.RecordBatch, table: Table, run: Run) -> pa.RecordBatch:
    """Return the rows of a typed table."""
    return _cut(batch, table, run, TYPED_PREFIX)


def _cut(batch: pa.RecordBatch, table: Table, run: Run, prefix: str) -> pa.RecordBatch:
    arrays = []
    names = set(batch.schema.names)
    for field in table.arrow_schema():
        if field.name == "run_id":
            arrays.append(pa.repeat(pa.scalar(run.run_id), batch.num_rows))
        elif field.name == "ingest_time":
            arrays.append(pa.repeat(pa.scalar(run.started, field.type), batch.num_rows))
        elif field.name == "data_text" and not prefix:
            arrays.append(batch.column("data"))
        else:
            typed = prefix + field.name
            arrays.append(batch.column(typed if prefix and typed in names else field.name))
    return pa.RecordBatch.from_arrays(arrays, schema=table.arrow_schema())


@dataclass(kw_only=True)
class ToRows(beam.PTransform[beam.PCollection[EventBatch], beam.PCollection[TableRows]]):
    """Turn event batches into rows of `events` and of their typed tables."""

    run: Run
    registry: Registry = REGISTRY

    def expand(self, pcoll: beam.PCollection[EventBatch]) -> beam.PCollection[TableRows]:
        return pcoll | "Cut" >> beam.ParDo(_ToRowsFn(self.run, self.registry))


class _ToRowsFn(beam.DoFn):
    def __init__(self, run: Run, registry: Registry) -> None:
        self._run = run
        self._tables = {name: typed_table(name, registry) for name in registry.by_table()}

    def process(self, batch: EventBatch) -> Iterator[TableRows]:
        yield TableRows(EVENTS.name, event_rows(batch.rows, self._run))
        yield TableRows(batch.table, typed_rows(batch.rows, self._tables[batch.table], self._run))
