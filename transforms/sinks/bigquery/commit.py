"""Commit what all bundles of a run wrote, table by table and the event store last, once the result is complete.

One function over one key commits all tables, because their order matters: if a run's events are visible, the whole run
is visible. In a loop that order needs no dependency between steps. Streams come through a GroupByKey, so nothing is
committed before every bundle has ended, and a bundle that failed and was retried has named only the streams of its
retry. The same element says how many rows were made and rejected, so the check before the publish needs no metrics.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Literal, NamedTuple

import apache_beam as beam

from transforms.sinks.bigquery.backoff import RetryBudget
from transforms.sinks.bigquery.bigquery_tables import BigQueryTables, Connect
from transforms.sinks.bigquery.counters import RETRIES
from transforms.sinks.bigquery.write_streams import AppendFailed, commit_streams
from transforms.sinks.publish_gate import TableCounts, check_publish

COMMITTED_LAST = "events"
Publish = Literal["accepted", "all"]
"""`accepted`: commit the accepted rows, the rejected ones are undelivered. `all`: commit nothing if a row was rejected."""


class Sealed(NamedTuple):
    """A finalized PENDING stream of a table, and the rows that it holds."""

    table: str
    stream: str
    rows: int


class BundleCounts(NamedTuple):
    """Rows of a table that one bundle was given, and those that the table rejected."""

    table: str
    made: int
    rejected: int


class CommitFailed(Exception):
    """A table could not be committed. The text names table, rows and reason, no data."""


class CommitFn(beam.DoFn):
    """Commit the streams of all bundles; a commit that fails for good ends the run.

    Args:
        tables: where the tables are.
        connect: makes the client.
        retry_budget_seconds: how long each table's commit is retried.
        publish: whether rejected rows stop the commit.
        what: name of the run, for the error.
    """

    def __init__(
        self,
        tables: BigQueryTables,
        connect: Connect,
        retry_budget_seconds: float,
        publish: Publish = "accepted",
        what: str = "the run",
    ) -> None:
        self._tables, self._connect, self._budget = tables, connect, retry_budget_seconds
        self._publish, self._what = publish, what

    def setup(self) -> None:
        self._client = self._connect()

    def process(
        self, element: tuple[int, Iterable[Sealed | BundleCounts]], gate: Any = None
    ) -> Iterator[tuple[str, int]]:
        streams: dict[str, dict[str, int]] = {}
        made: dict[str, int] = {}
        rejected: dict[str, int] = {}
        for part in element[1]:
            if isinstance(part, Sealed):
                streams.setdefault(part.table, {})[part.stream] = part.rows
            else:
                made[part.table] = made.get(part.table, 0) + part.made
                rejected[part.table] = rejected.get(part.table, 0) + part.rejected
        sealed = {table: sum(streams.get(table, {}).values()) for table in {*made, *streams}}
        counts = [TableCounts(t, made.get(t, 0), rows, rejected.get(t, 0)) for t, rows in sorted(sealed.items())]
        check_publish(counts, self._what, allow_rejected=self._publish == "accepted")
        for table in sorted(streams, key=lambda table: (table == COMMITTED_LAST, table)):
            self._commit(table, streams[table])
            yield table, sealed[table]

    def teardown(self) -> None:
        self._client.transport.close()

    def _commit(self, table: str, streams: dict[str, int]) -> None:
        budget = RetryBudget(self._budget)
        try:
            commit_streams(self._client, self._tables.path(table), sorted(streams), budget)
        except AppendFailed as failed_append:
            raise CommitFailed(
                f"table {self._tables.name(table)}: the commit of {sum(streams.values())} rows failed"
                f" ({failed_append.failure.reason}); its rows, and those of the tables after it, stay invisible"
            ) from None
        finally:
            RETRIES.inc(budget.take_waits())
