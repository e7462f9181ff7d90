"""Check a staging before it is published: per table, rows made = rows appended, and no row rejected."""

from collections.abc import Mapping
from dataclasses import replace

from google.cloud import bigquery

from pipelines.errors import RunFailed
from pipelines.reconcile import count_rows
from pipelines.stores.target import Target
from schemas.registry import REGISTRY
from transforms.sinks.publish_gate import ROWS_MADE, PublishRejected, TableCounts, check_publish, counts_of


def check_graph(
    client: bigquery.Client, staged: Target, counted: Mapping[str, int], before: Mapping[str, int], run_id: str
) -> None:
    """Raise RunFailed unless a graph's rows are all in the tables that it wrote to.

    Args:
        staged: the stores that the graph wrote to.
        counted: counters of the graph; empty if they cannot be read (a Dataflow job from within).
        before: rows that the tables held before the graph ran.
        run_id: the run, for the error.
    """
    if not any(name.startswith(ROWS_MADE) for name in counted):
        return
    appended = {name: rows - before.get(name, 0) for name, rows in count_rows(client, staged, None).items()}
    # STREAMING_INSERTS is at least once: a table may hold a row twice, and deduplication is by the event's id.
    counts = [
        replace(table, appended=table.made - table.rejected) if table.missing < 0 else table
        for table in counts_of(counted, appended)
    ]
    _check(counts, run_id)


def check_events(client: bigquery.Client, staged: Target, run_id: str) -> None:
    """Raise RunFailed unless every staged event has its row in its typed table."""
    parts = " UNION ALL ".join(
        f"SELECT '{table}' AS name, COUNT(DISTINCT event_id) AS made, COUNT(DISTINCT IF(event_id IN"
        f" (SELECT event_id FROM `{staged.table('analytics', table)}`), event_id, NULL)) AS held"
        f" FROM `{staged.table('event_store', 'events')}` WHERE event_type IN ({_types(table)})"
        for table in REGISTRY.by_table()
    )
    rows = client.query(parts).result()
    _check([TableCounts(row.name, int(row.made), int(row.held)) for row in rows], run_id)


def _types(table: str) -> str:
    return ", ".join(f"'{event_type.name}'" for event_type in REGISTRY.by_table()[table])


def _check(counts: list[TableCounts], run_id: str) -> None:
    try:
        check_publish(counts, run_id)
    except PublishRejected as error:
        raise RunFailed(str(error)) from None
