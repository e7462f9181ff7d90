"""Count what the tables of a store hold, for the gate before a publish and for a run's reconciliation."""

from google.cloud import bigquery

from pipelines.stores.target import Target
from schemas.tables.definitions import DATASET_OF
from transforms.sinks.bigquery.counters import APPENDED_TABLES


def count_rows(client: bigquery.Client, target: Target, run_id: str | None) -> dict[str, int]:
    """Return the number of rows by table.

    Args:
        client: a client of the target's BigQuery.
        target: the live stores, or a replay's staging.
        run_id: count only the rows of this run; None counts all rows, which is what a staging needs.
    """
    of_run = "" if run_id is None else " WHERE run_id = @run_id"
    sql = "\nUNION ALL\n".join(
        f"SELECT '{name}' AS name, COUNT(*) AS held FROM `{target.table(DATASET_OF[name], name)}`{of_run}"
        for name in APPENDED_TABLES
    )
    parameters = [] if run_id is None else [bigquery.ScalarQueryParameter("run_id", "STRING", run_id)]
    job = client.query(sql, job_config=bigquery.QueryJobConfig(query_parameters=parameters))
    return {row.name: int(row.held) for row in job.result()}
