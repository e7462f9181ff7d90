"""WriteReadModel: rows of the typed tables and of order_sagas into the keyed read model; rejected rows are an output."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.transforms.window import GlobalWindow, GlobalWindows
from apache_beam.typehints.decorators import no_annotations
from apache_beam.utils.windowed_value import WindowedValue

from schemas.outcomes import Code
from schemas.read_model.address import ReadModelAddress
from schemas.read_model.events import ModelEvent, model_events, saga_rows, unstorable
from schemas.read_model.tables import SAGAS, SOURCES, TABLE_OF
from transforms.metrics import counter
from transforms.sinks.bigquery.backoff import RetryBudget
from transforms.sinks.read_model.deliver import deliver
from transforms.sinks.read_model.opened import open_store
from transforms.sinks.read_model.store import SagaRow
from transforms.sinks.results import FailedRows
from transforms.table_rows import TableRows

BATCH_ROWS = 2000
"""Rows of one transaction: a transaction costs about as much as 200 rows."""
PREFIX = "read_model."
"""What the table's name in a dead letter begins with."""


@dataclass(kw_only=True)
class WriteReadModel(beam.PTransform[beam.PCollection[TableRows], beam.PCollection[FailedRows]]):
    """Write rows into the read model, at least once: a row that it contains changes nothing.

    Args:
        address: the read model; its tables exist.
        retry_budget_seconds: how long an unavailable store is tried again, seconds.
        namespace: the tables of a rebuild; None: the live ones.
    """

    address: ReadModelAddress
    retry_budget_seconds: float
    namespace: str | None = None

    def __post_init__(self) -> None:
        if not self.retry_budget_seconds >= 0:
            raise ValueError(f"retry_budget_seconds must not be negative, got {self.retry_budget_seconds!r}")

    @no_annotations
    def expand(
        self, pcoll: beam.PCollection[TableRows] | tuple[beam.PCollection[TableRows], ...]
    ) -> beam.PCollection[FailedRows]:
        inputs = pcoll if isinstance(pcoll, tuple) else (pcoll,)
        failed = [
            rows
            | f"Unwindow{number}" >> beam.WindowInto(GlobalWindows())
            | f"Write{number}" >> beam.ParDo(_WriteFn(self.address, self.retry_budget_seconds, self.namespace))
            for number, rows in enumerate(inputs)
        ]
        return tuple(failed) | "Failed" >> beam.Flatten()


class _WriteFn(beam.DoFn):
    """Buffers rows and writes them in transactions; all are written before the bundle ends."""

    def __init__(self, address: ReadModelAddress, budget_seconds: float, namespace: str | None) -> None:
        self._address, self._budget_seconds, self._namespace = address, budget_seconds, namespace

    def setup(self) -> None:
        self._store = open_store(self._address)
        self._budget = RetryBudget(self._budget_seconds)

    def start_bundle(self) -> None:
        self._events: list[ModelEvent] = []
        self._sagas: list[SagaRow] = []
        self._rows: dict[int, pa.RecordBatch] = {}
        self._mark: Any = None

    def process(self, element: TableRows, timestamp: Any = beam.DoFn.TimestampParam) -> Iterator[Any]:
        table = element.table
        if table not in SOURCES and table != SAGAS.name:
            return
        self._mark = timestamp if self._mark is None else min(timestamp, self._mark)
        rows = saga_rows(element.rows) if table == SAGAS.name else [
            event.cells for event in model_events(table, element.rows)
        ]  # fmt: skip
        bad = {fault.position: fault for fault in unstorable(rows)}
        for position, cells in enumerate(rows):
            row = element.rows.slice(position, 1)
            if position in bad:
                fault = bad[position]
                yield self._failed(table, row, Code.SINK_REJECTED, fault.reason, fault.column, 1)
                continue
            self._rows[id(cells)] = row
            if table == SAGAS.name:
                self._sagas.append(cells)
            else:
                self._events.append(ModelEvent(table, cells))
        if len(self._events) + len(self._sagas) >= BATCH_ROWS:
            yield from self._flush()

    def finish_bundle(self) -> Iterator[Any]:
        yield from self._flush()

    def teardown(self) -> None:
        self._store.close()

    def _flush(self) -> Iterator[Any]:
        events, sagas, rows = self._events, self._sagas, self._rows
        self._events, self._sagas, self._rows = [], [], {}
        if not events and not sagas:
            return
        lost = deliver(self._store, events, sagas, self._budget, self._namespace)
        undelivered = sum(len(one.events) + len(one.sagas) for one in lost)
        counter("read_model_rows").inc(len(events) + len(sagas) - undelivered)
        for one in lost:
            for event in one.events:
                yield self._failed(event.table, rows[id(event.cells)], one.code, one.reason, one.column, one.attempts)
            for saga in one.sagas:
                yield self._failed(SAGAS.name, rows[id(saga)], one.code, one.reason, one.column, one.attempts)

    def _failed(
        self, table: str, row: pa.RecordBatch, code: Code, reason: str, column: str | None, attempts: int
    ) -> WindowedValue:
        counter("read_model_undelivered").inc()
        if code is Code.SINK_EXHAUSTED:
            counter("read_model_exhausted").inc()
        failed = FailedRows(PREFIX + model_table(table), row, code, reason, attempts, column)
        return WindowedValue(failed, self._mark, (GlobalWindow(),))


def model_table(table: str) -> str:
    """Return the read model's table that a typed table's rows change."""
    if table == SAGAS.name:
        return table
    return TABLE_OF[table].name if table in TABLE_OF else "applied_events"
