"""A BigQuery emulator with three small tables, rows for them, and a pipeline that appends them."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from google.cloud import bigquery

from pipelines.bigquery_emulator.client import bigquery_client
from pipelines.bigquery_emulator.faults.injector import FaultScript
from pipelines.bigquery_emulator.server import BigQueryEmulator
from transforms.sinks.bigquery.appends import AppendLimits
from transforms.sinks.bigquery.bigquery import AppendRows, BigQueryTables
from transforms.sinks.results import FailedRows
from transforms.table_rows import TableRows

SCHEMA = pa.schema([("event_id", pa.string()), ("amount", pa.decimal128(38, 9)), ("data", pa.string())])
FIELDS = [
    bigquery.SchemaField("event_id", "STRING", "REQUIRED"),
    bigquery.SchemaField("amount", "NUMERIC"),
    bigquery.SchemaField("data", "JSON"),
]
TABLES = BigQueryTables("local", {"events": "event_store", "order_events": "analytics", "payment_events": "analytics"})
SMALL = AppendLimits(max_rows=100)
results: list[FailedRows | tuple[str, int]] = []


def collect(result: FailedRows | tuple[str, int]) -> None:
    results.append(result)


class Warehouse:
    """A BigQuery emulator with the tables, and queries of its state."""

    def __init__(self, server: BigQueryEmulator) -> None:
        self.target = server.grpc_target
        self._client = bigquery_client(server.rest_url)
        for dataset in ("event_store", "analytics"):
            self._client.create_dataset(dataset)
        for table in TABLES.dataset_of:
            self._client.create_table(bigquery.Table(TABLES.name(table), FIELDS))

    def ids(self, table: str) -> list[str]:
        return sorted(row[0] for row in self._client.query(f"select event_id from `{TABLES.name(table)}`").result())


@contextmanager
def warehouse(folder: Path, *faults: dict[str, Any]) -> Iterator[Warehouse]:
    """Serve a warehouse whose faults begin once its tables are made."""
    with BigQueryEmulator(folder / "w.duckdb", faults=FaultScript.parse({"faults": list(faults)})) as server:
        yield Warehouse(server)


def batches(table: str, rows: int, size: int = 40, prefix: str = "") -> list[TableRows]:
    out = []
    for first in range(0, rows, size):
        ids = [f"{prefix}{table}-{number:06}" for number in range(first, min(first + size, rows))]
        columns = {"event_id": ids, "amount": [Decimal("1.5")] * len(ids), "data": ['{"a": 1}'] * len(ids)}
        out.append(TableRows(table, pa.RecordBatch.from_pydict(columns, SCHEMA)))
    return out


def run(elements: list[TableRows], server: Warehouse, **options: Any) -> tuple[list[FailedRows], Counter[str]]:
    """Run a pipeline of some bundles; return the failures and the number of rows that each table accepted."""
    results.clear()
    options = {"retry_budget_seconds": 20.0, "limits": SMALL, **options}
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        out = pipeline | beam.Create(elements) | AppendRows(tables=TABLES, endpoint=server.target, **options)
        _ = (out.failed, out.appended) | beam.Flatten() | beam.Map(collect)
    failed = [result for result in results if isinstance(result, FailedRows)]
    counts: Counter[str] = Counter()
    for result in results:
        if isinstance(result, tuple):
            counts[result[0]] += result[1]
    return failed, counts


def sent_ids(elements: list[TableRows], table: str) -> list[str]:
    return sorted(item for rows in elements if rows.table == table for item in rows.rows.column("event_id").to_pylist())


def failed_ids(failed: list[FailedRows], table: str) -> list[str]:
    return sorted(item for rows in failed if rows.table == table for item in rows.rows.column("event_id").to_pylist())
