"""A BigQuery emulator with the table `d.numbers` of 1 to 1000, and what a query returns."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from google.cloud import bigquery

from pipelines.bigquery_emulator.client import bigquery_client
from pipelines.bigquery_emulator.server import BigQueryEmulator


@contextmanager
def client_of_numbers(folder: Path) -> Iterator[bigquery.Client]:
    """Yield a client of an emulator with the table."""
    with BigQueryEmulator(folder / "warehouse.duckdb") as server:
        client = bigquery_client(server.rest_url)
        client.create_dataset("d")
        client.query_and_wait("CREATE TABLE d.numbers (n INT64 NOT NULL, even BOOL)")
        client.query_and_wait("INSERT INTO d.numbers SELECT n, MOD(n, 2) = 0 FROM UNNEST(GENERATE_ARRAY(1, 1000)) AS n")
        yield client
        client.close()


def rows(client: bigquery.Client, sql: str, **options: Any) -> list[tuple[Any, ...]]:
    """Return what a query returns."""
    return [tuple(row) for row in client.query_and_wait(sql, job_config=bigquery.QueryJobConfig(**options))]
