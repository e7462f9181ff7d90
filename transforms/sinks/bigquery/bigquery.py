"""AppendRows: write record batches of our tables to BigQuery through the Storage Write API, from Python, without Java.

Streaming (`mode="default"`): the tables' default streams, at least once; a bundle ends when all its rows are confirmed.
Batch (`mode="pending"`): every bundle writes PENDING streams of its own and finalizes them; their names are all that is
shuffled. Once every bundle has ended, one step checks that the result is complete and commits them (commit.py). The
streams of a bundle that failed and was retried never get there, so they are never visible. BigQuery keeps pending
streams for about 4 hours: a longer batch run needs `--bigquery_method=FILE_LOADS`.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import apache_beam as beam
from apache_beam.transforms.window import GlobalWindow, GlobalWindows
from apache_beam.typehints.decorators import no_annotations
from apache_beam.utils.windowed_value import WindowedValue

from transforms.sinks.bigquery.appender import TableAppender
from transforms.sinks.bigquery.appends import AppendLimits, RejectedRows
from transforms.sinks.bigquery.backoff import RetryBudget
from transforms.sinks.bigquery.bigquery_tables import BigQueryTables, Connect, trace_id
from transforms.sinks.bigquery.chunks import Buffer
from transforms.sinks.bigquery.commit import BundleCounts, CommitFn, Publish, Sealed
from transforms.sinks.bigquery.counters import RETRIES, count_made, count_rejected
from transforms.sinks.bigquery.partition_fallback import append_pending, is_outside
from transforms.sinks.bigquery.write_streams import AppendFailed, DefaultStreams, PendingStreams, Streams
from transforms.sinks.failed_rows_to_dead_letters import UndeliveredRows
from transforms.sinks.results import AppendResult, FailedRows
from transforms.table_rows import Run, TableRows

RETRY_BUDGET_SECONDS = 600.0
FAILED = "failed"

_LOG = logging.getLogger(__name__)


@dataclass(kw_only=True)
class AppendRows(beam.PTransform[beam.PCollection[TableRows], Any]):
    """Append rows to their tables; rejected rows are an output.

    Args:
        tables: where the tables are.
        mode: `pending` commits all rows of a batch run at its end; `default` shows rows at once, at least once.
        retry_budget_seconds: how long failed requests of a table are retried, seconds.
        endpoint: `host:port` of the BigQuery emulator; None is BigQuery.
        gate: the commit waits until this collection is complete (`pending` only).
        publish: `accepted` commits the accepted rows; `all` commits nothing and fails the run if a row was rejected
            (`pending` only). See publish_gate.py.
        run: the run. If accepted rows are published, its rejected rows become rows of `dead_letters`, appended and
            committed with the others. None: they are an output only.
        limits: sizes of requests and streams.
    """

    tables: BigQueryTables
    mode: Literal["pending", "default"] = "pending"
    retry_budget_seconds: float = RETRY_BUDGET_SECONDS
    endpoint: str | None = None
    gate: beam.PCollection[Any] | None = None
    publish: Publish = "accepted"
    run: Run | None = None
    limits: AppendLimits = field(default_factory=AppendLimits)

    def __post_init__(self) -> None:
        if self.mode not in ("pending", "default"):
            raise ValueError(f"mode must be 'pending' or 'default', got {self.mode!r}")
        if not self.retry_budget_seconds >= 0:
            raise ValueError(f"retry_budget_seconds must not be negative, got {self.retry_budget_seconds!r}")
        if self.gate is not None and self.mode != "pending":
            raise ValueError("gate needs mode='pending': the default stream shows rows at once")
        if self.publish not in ("accepted", "all"):
            raise ValueError(f"publish must be 'accepted' or 'all', got {self.publish!r}")
        if self.publish == "all" and self.mode != "pending":
            raise ValueError("publish='all' needs mode='pending': the default stream shows rows at once")

    def append_fn(self) -> beam.DoFn:
        """Make the step that appends, for one worker."""
        connect, pending = Connect(self.endpoint), self.mode == "pending"
        return _AppendFn(self.tables, connect, self.retry_budget_seconds, self.limits, pending)

    @no_annotations  # Beam knows single outputs only
    def expand(self, pcoll: beam.PCollection[TableRows] | tuple[beam.PCollection[TableRows], ...]) -> AppendResult:
        inputs = pcoll if isinstance(pcoll, tuple) else (pcoll,)
        outputs = [self._append(rows, f"Input{number}") for number, rows in enumerate(inputs)]
        failed, appended = outputs[0][FAILED], outputs[0].main
        if len(outputs) > 1:  # a Flatten ends a stage: a streaming run appends each input in the bundle that made it
            failed = tuple(out[FAILED] for out in outputs) | "Failed" >> beam.Flatten()
            appended = tuple(out.main for out in outputs) | "Appended" >> beam.Flatten()
        if self.run is not None and self.publish == "accepted":
            dead_letters = failed | "UndeliveredRows" >> UndeliveredRows(run=self.run)
            stored = self._append(dead_letters, "Undelivered")
            failed = (failed, stored[FAILED]) | "AllFailed" >> beam.Flatten()
            appended = (appended, stored.main) | "AllAppended" >> beam.Flatten()
        if self.mode != "pending":
            return AppendResult(failed, appended)
        what = self.run.run_id if self.run is not None else "the run"
        commit = CommitFn(self.tables, Connect(self.endpoint), self.retry_budget_seconds, self.publish, what)
        gate = [beam.pvalue.AsIter(self.gate | "Gate" >> beam.WindowInto(GlobalWindows()))] if self.gate else []
        committed = (
            appended
            | "Together" >> beam.Map(_together)
            | "AllBundles" >> beam.GroupByKey()
            | "Commit" >> beam.ParDo(commit, *gate)
        )
        return AppendResult(failed, committed)

    def _append(self, rows: beam.PCollection[TableRows], label: str) -> Any:
        return (
            rows
            | f"{label}Unwindow" >> beam.WindowInto(GlobalWindows())
            | f"{label}Append" >> beam.ParDo(self.append_fn()).with_outputs(FAILED, main="main")
        )


class _AppendFn(beam.DoFn):
    """Buffers rows a table and hands them to that table's appender; confirms all before the bundle ends."""

    def __init__(
        self,
        tables: BigQueryTables,
        connect: Connect,
        retry_budget_seconds: float,
        limits: AppendLimits,
        pending: bool,
    ) -> None:
        self._tables, self._connect, self._budget = tables, connect, retry_budget_seconds
        self._limits, self._pending = limits, pending
        self._trace_id = trace_id()

    def setup(self) -> None:
        self._client = self._connect()
        self._appenders: dict[str, TableAppender] = {}
        self._budgets: dict[str, RetryBudget] = {}
        self._reported: set[tuple[str, str]] = set()

    def start_bundle(self) -> None:
        self._buffers: dict[str, Buffer] = {}
        self._marks: dict[str, Any] = {}
        self._made: dict[str, int] = {}
        self._rejected: dict[str, int] = {}
        self._outside: dict[str, list[RejectedRows]] = {}
        for appender in self._appenders.values():
            appender.reset()

    def process(self, element: TableRows, timestamp: Any = beam.DoFn.TimestampParam) -> Iterator[Any]:
        table, rows = element.table, element.rows.num_rows
        self._made[table] = self._made.get(table, 0) + rows
        count_made(table, rows)
        buffer = self._buffers.setdefault(table, Buffer(self._limits.max_rows, self._limits.max_bytes))
        full = buffer.add(element.rows)
        if full is not None:
            self._appender(table).append(full, self._marks.pop(table))
            yield from self._lost(table)
        self._marks[table] = min(timestamp, self._marks.get(table, timestamp))

    def finish_bundle(self) -> Iterator[Any]:
        for table, buffer in self._buffers.items():
            rows = buffer.take()
            if rows is not None:
                self._appender(table).append(rows, self._marks[table])
        for table, appender in self._appenders.items():  # after all were sent: the tables' replies overlap
            appender.drain()
            yield from self._lost(table)
            written = appender.written
            if self._outside.get(table):
                more, appender.rejected = append_pending(
                    self._client, self._tables.path(table), self._trace_id, self._budgets[table], self._limits,
                    self._outside.pop(table), lambda failed_append, table=table: self._report(table, failed_append),  # type: ignore[misc]
                )  # fmt: skip
                written += more
                yield from self._lost(table, final=True)
            RETRIES.inc(self._budgets[table].take_waits())
            if self._pending:
                for name, held in appender.sealed:
                    yield GlobalWindows.windowed_value(Sealed(table, name, held))
                if made := self._made.get(table, 0):
                    counts = BundleCounts(table, made, self._rejected.get(table, 0))
                    yield GlobalWindows.windowed_value(counts)
            elif written:
                yield GlobalWindows.windowed_value((table, written))
            appender.reset()

    def teardown(self) -> None:
        self._client.transport.close()

    def _appender(self, table: str) -> TableAppender:
        if table not in self._appenders:
            path, budget = self._tables.path(table), RetryBudget(self._budget)
            streams: Streams = (
                PendingStreams(self._client, path, self._trace_id, budget)
                if self._pending
                else DefaultStreams(self._client, path, self._trace_id)
            )
            self._budgets[table] = budget
            self._appenders[table] = TableAppender(
                streams, budget, self._limits, lambda failed_append: self._report(table, failed_append)
            )
        return self._appenders[table]

    def _lost(self, table: str, *, final: bool = False) -> Iterator[Any]:
        """Yield rejected rows at the earliest time of their batch, so that no later step takes them for late.

        Rows that only the default stream does not take are kept for the end of the bundle, unless `final`.
        """
        rejected, self._appenders[table].rejected = self._appenders[table].rejected, []
        if not self._pending and not final and (outside := [append for append in rejected if is_outside(append)]):
            self._outside.setdefault(table, []).extend(outside)
            rejected = [append for append in rejected if not is_outside(append)]
        for append in rejected:
            count_rejected(table, append.code, append.rows.num_rows)
            self._rejected[table] = self._rejected.get(table, 0) + append.rows.num_rows
            failed = FailedRows(table, append.rows, append.code, append.reason, append.attempts, append.column)
            yield beam.pvalue.TaggedOutput(FAILED, WindowedValue(failed, append.mark, (GlobalWindow(),)))

    def _report(self, table: str, failed_append: AppendFailed) -> None:
        """Log one line per table and kind of error, so that an outage does not fill the log.

        The filter of a log metric holds the words `rejects rows` (templates/terraform/monitoring.tf).
        """
        key = (table, failed_append.failure.status)
        if key not in self._reported:
            self._reported.add(key)
            why = f"after {self._budget:g} s of retries" if failed_append.exhausted else "for good"
            _LOG.error("table %s rejects rows %s: %s", self._tables.name(table), why, failed_append.failure.reason)


def _together(part: Sealed | BundleCounts) -> tuple[int, Sealed | BundleCounts]:
    return 0, part
