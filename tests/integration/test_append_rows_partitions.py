"""Rows of partitions that BigQuery does not stream into arrive all the same, each once."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from google.cloud import bigquery

from pipelines.bigquery_emulator.client import bigquery_client
from pipelines.bigquery_emulator.faults.script import FaultScript
from pipelines.bigquery_emulator.server import BigQueryEmulator
from tests.support.append_harness import collect, results
from transforms.sinks.bigquery.bigquery import AppendRows
from transforms.sinks.bigquery.bigquery_tables import BigQueryTables
from transforms.sinks.results import FailedRows
from transforms.table_rows import TableRows

SCHEMA = pa.schema([("event_id", pa.string()), ("event_time", pa.timestamp("us", "UTC"))])
TABLES = BigQueryTables("local", {"order_events": "analytics"})
NOW = datetime.now(UTC)
TIMES = {
    "the first valid": datetime(2000, 1, 1, tzinfo=UTC),
    "six years ago": NOW - timedelta(days=6 * 365),
    "now": NOW,
    "two years ahead": NOW + timedelta(days=730),
}


def append(folder: Path, mode: str, *faults: dict[str, Any]) -> tuple[list[FailedRows], list[str], dict[str, int]]:
    """Append one row per time; return what failed, the ids in the table, and the rows reported as appended."""
    script = FaultScript.parse({"faults": list(faults)})
    with BigQueryEmulator(folder / "w.duckdb", faults=script) as server:
        client = bigquery_client(server.rest_url)
        client.create_dataset("analytics")
        fields = [bigquery.SchemaField("event_id", "STRING"), bigquery.SchemaField("event_time", "TIMESTAMP")]
        table = bigquery.Table(TABLES.name("order_events"), fields)
        table.time_partitioning = bigquery.TimePartitioning(type_="MONTH", field="event_time")
        client.create_table(table)
        rows = pa.RecordBatch.from_pydict({"event_id": list(TIMES), "event_time": list(TIMES.values())}, SCHEMA)
        results.clear()
        with beam.Pipeline(runner=FnApiRunner()) as pipeline:
            sink = AppendRows(tables=TABLES, mode=mode, endpoint=server.grpc_target, retry_budget_seconds=1.0)  # type: ignore[arg-type]
            out = pipeline | beam.Create([TableRows("order_events", rows)]) | sink
            _ = (out.failed, out.appended) | beam.Flatten() | beam.Map(collect)
        stored = [row[0] for row in client.query(f"select event_id from `{TABLES.name('order_events')}`").result()]
    failed = [result for result in results if isinstance(result, FailedRows)]
    return failed, sorted(stored), dict(result for result in results if isinstance(result, tuple))


@pytest.mark.parametrize("mode", ["default", "pending"])
def test_rows_of_every_valid_time_arrive_once(tmp_path: Path, mode: str) -> None:
    failed, stored, counts = append(tmp_path, mode)
    assert failed == []
    assert stored == sorted(TIMES)
    assert counts == {"order_events": len(TIMES)}


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"on": "commit", "status": "PERMISSION_DENIED"}, "SINK_REJECTED"),
        ({"on": "commit", "status": "UNAVAILABLE"}, "SINK_EXHAUSTED"),
        ({"on": "create_stream", "status": "PERMISSION_DENIED"}, "SINK_REJECTED"),
    ],
    ids=["commit denied", "commit unavailable", "stream denied"],
)
def test_rows_that_no_stream_accepts_are_rejected_and_the_others_are_stored(
    tmp_path: Path, fault: dict[str, Any], code: str
) -> None:
    failed, stored, counts = append(tmp_path, "default", fault)
    assert stored == ["now"]
    assert counts == {"order_events": 1}
    assert {failure.code for failure in failed} == {code}
    assert sorted(name for failure in failed for name in failure.rows.column("event_id").to_pylist()) == sorted(
        set(TIMES) - {"now"}
    )
