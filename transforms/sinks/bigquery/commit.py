"""Commit what all bundles of a run wrote, table by table and the event store last.

One function over one key commits all tables, because their order matters: a run whose events are visible is
visible as a whole. In a loop that order needs no dependency between steps. Streams come through a GroupByKey,
so nothing is committed before every bundle has ended, and a bundle that failed and ran again has named its
second streams only.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam

from transforms.sinks.bigquery.backoff import RetryBudget
from transforms.sinks.bigquery.bigquery_tables import BigQueryTables, Connect
from transforms.sinks.bigquery.counters import RETRIES
from transforms.sinks.bigquery.write_streams import GaveUp, commit_streams

COMMITTED_LAST = "events"
Sealed = tuple[str, str, int]
"""A finalized PENDING stream: table, stream name, rows."""


class CommitFn(beam.DoFn):
    """Commits what all bundles wrote, table by table, the event store last; a commit that fails for good ends
    the run.
    """

    def __init__(self, tables: BigQueryTables, connect: Connect, retry_budget_seconds: float) -> None:
        self._tables, self._connect, self._budget = tables, connect, retry_budget_seconds

    def setup(self) -> None:
        self._client = self._connect()

    def process(self, element: tuple[int, Iterable[Sealed]], gate: Any = None) -> Iterator[tuple[str, int]]:
        streams: dict[str, dict[str, int]] = {}
        for table, name, rows in element[1]:
            streams.setdefault(table, {})[name] = rows
        for table in sorted(streams, key=lambda table: (table == COMMITTED_LAST, table)):
            patience = RetryBudget(self._budget)
            try:
                commit_streams(self._client, self._tables.path(table), sorted(streams[table]), patience)
            except GaveUp as gave_up:
                raise RuntimeError(
                    f"table {self._tables.name(table)}: the commit of {sum(streams[table].values())} rows failed"
                    f" ({gave_up.failure.reason}); its rows, and those of the tables after it, stay invisible"
                ) from None
            finally:
                RETRIES.inc(patience.take_waits())
            yield table, sum(streams[table].values())

    def teardown(self) -> None:
        self._client.transport.close()
