"""Count what the tables of a store hold, for the gate before a publish and for a run's reconciliation."""

from typing import NamedTuple

from google.cloud import bigquery

from pipelines.stores.target import Target
from schemas.tables.definitions import DATASET_OF, TABLES
from transforms.sinks.bigquery.counters import APPENDED_TABLES


class RowsHeld(NamedTuple):
    """Rows of a run in a table, and distinct ones among them by the columns that identify a message or a pane."""

    rows: int
    distinct: int


def count_rows(client: bigquery.Client, target: Target, run_id: str | None) -> dict[str, int]:
    """Return the number of rows by table.

    Args:
        client: a client of the target's BigQuery.
        target: the live stores, or a replay's staging.
        run_id: count only the rows of this run; None counts all rows, which is what a staging needs.
    """
    return {table: held.rows for table, held in _count(client, target, run_id, "0").items()}


def rows_held(client: bigquery.Client, target: Target, run_id: str) -> dict[str, RowsHeld]:
    """Return the rows of a run by table, also if a row was written more than once."""
    return _count(client, target, run_id, None)


def _count(client: bigquery.Client, target: Target, run_id: str | None, distinct: str | None) -> dict[str, RowsHeld]:
    # Late counts of a streaming run have run ids of their own below the run's (docs/decisions/0004-streaming-runs.md).
    of_run = "" if run_id is None else " WHERE run_id = @run_id OR STARTS_WITH(run_id, CONCAT(@run_id, '/late/'))"
    sql = "\nUNION ALL\n".join(
        f"SELECT '{name}' AS name, COUNT(*) AS held, {distinct or _distinct(name)} AS once"
        f" FROM `{target.table(DATASET_OF[name], name)}`{of_run}"
        for name in APPENDED_TABLES
    )
    parameters = [] if run_id is None else [bigquery.ScalarQueryParameter("run_id", "STRING", run_id)]
    job = client.query(sql, job_config=bigquery.QueryJobConfig(query_parameters=parameters))
    return {row.name: RowsHeld(int(row.held), int(row.once)) for row in job.result()}


def _distinct(name: str) -> str:
    """Return the SQL of the distinct rows of a table; 0 for tables whose rows nothing identifies."""
    columns = {column.name for column in TABLES[name].columns}
    if "dead_letter_id" in columns:
        return "COUNT(DISTINCT dead_letter_id)"
    return "COUNT(DISTINCT CONCAT(event_id, ' ', message_id))" if "message_id" in columns else "0"
