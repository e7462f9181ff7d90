"""AppendRows against the BigQuery emulator, with and without faults: every row is stored once, or fails once with its reason."""

import logging
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from tests.support.append_harness import SCHEMA, batches, collect, failed_ids, results, run, sent_ids, warehouse
from transforms.sinks.bigquery.appends import AppendLimits
from transforms.sinks.bigquery.bigquery import AppendRows, BigQueryTables
from transforms.sinks.results import FailedRows
from transforms.table_rows import TableRows

SECRET = "ada@example.com"


@pytest.mark.parametrize("mode", ["pending", "default"])
def test_rows_of_all_tables_are_appended(tmp_path: Path, mode: str) -> None:
    elements = batches("events", 500) + batches("order_events", 250) + batches("events", 60, prefix="more-")
    with warehouse(tmp_path) as server:
        failed, counts = run(elements, server, mode=mode)
        assert failed == []
        assert counts == {"events": 560, "order_events": 250}
        for table in counts:
            assert server.ids(table) == sent_ids(elements, table)


ONE_FAULT = {
    "throttled": {"on": "append", "call": [2, 4], "status": "RESOURCE_EXHAUSTED"},
    "internal": {"on": "append", "call": [1, 5], "status": "INTERNAL"},
    "unavailable": {"on": "append", "call": [3, 4], "status": 503},
    "bad gateway": {"on": "append", "call": [3, 4], "status": 502},
    "deadline": {"on": "append", "call": [2], "status": "DEADLINE_EXCEEDED"},
    "aborted": {"on": "append", "call": [2, 3], "status": "ABORTED"},
    "cancelled": {"on": "append", "call": [2], "status": "CANCELLED"},
    "reply lost": {"on": "append", "call": [1, 3, 4], "reply_lost": True},
    "stream closed": {"on": "append", "call": [1, 2, 4], "close_stream": True},
    "slow": {"on": "append", "call": [2], "delay_seconds": 1.0},
    "creating": {"on": "create_stream", "call": [1, 2], "status": "UNAVAILABLE"},
    "created, reply lost": {"on": "create_stream", "call": [1], "reply_lost": True},
    "finalizing": {"on": "finalize", "call": [1], "status": "INTERNAL"},
    "finalized, reply lost": {"on": "finalize", "call": [1], "reply_lost": True},
    "committing": {"on": "commit", "call": [1], "status": "UNAVAILABLE"},
    "committed, reply lost": {"on": "commit", "call": [1, 2], "reply_lost": True},
}


@pytest.mark.parametrize("fault", ONE_FAULT.values(), ids=ONE_FAULT.keys())
def test_a_fault_that_passes_costs_time_and_no_row(tmp_path: Path, fault: dict[str, Any]) -> None:
    elements = batches("events", 600) + batches("order_events", 200)
    with warehouse(tmp_path, fault) as server:
        limits = AppendLimits(max_rows=100, reply_timeout_seconds=0.5)  # shorter than the slow one
        failed, counts = run(elements, server, limits=limits)
        assert failed == []
        assert counts == {"events": 600, "order_events": 200}
        for table in counts:
            assert server.ids(table) == sent_ids(elements, table)


@pytest.mark.parametrize("name", ["throttled", "reply lost", "stream closed"])
def test_on_the_default_stream_a_fault_loses_no_row(tmp_path: Path, name: str) -> None:
    elements = batches("events", 600)
    with warehouse(tmp_path, ONE_FAULT[name]) as server:
        failed, counts = run(elements, server, mode="default")
        assert failed == []
        assert counts == {"events": 600}
        assert sorted(set(server.ids("events"))) == sent_ids(elements, "events")


@pytest.mark.parametrize("mode", ["pending", "default"])
def test_everything_at_once_stores_or_fails_each_row(tmp_path: Path, mode: str) -> None:
    faults: list[dict[str, Any]] = [
        {"on": "append", "rate": 0.1, "seed": number, **what}
        for number, what in enumerate(
            [
                {"status": "UNAVAILABLE"},
                {"status": "RESOURCE_EXHAUSTED"},
                {"status": "INTERNAL"},
                {"reply_lost": True},
                {"close_stream": True},
                {"delay_seconds": 0.02},
                {"row_errors": {"column": "event_id", "matches": "7$"}},
            ]
        )
    ]
    faults += [{"on": point, "rate": 0.1, "status": 503} for point in ("create_stream", "finalize", "commit")]
    faults += [{"on": point, "rate": 0.1, "seed": 9, "reply_lost": True} for point in ("finalize", "commit")]
    elements = batches("events", 2500) + batches("order_events", 500)
    with warehouse(tmp_path, *faults) as server:
        failed, counts = run(elements, server, mode=mode, retry_budget_seconds=60.0, limits=AppendLimits(max_rows=250))
        assert {rows.code for rows in failed} == {"SINK_REJECTED"}
        for table in ("events", "order_events"):
            stored = server.ids(table)
            assert sorted(set(stored) | set(failed_ids(failed, table))) == sent_ids(elements, table)
            assert len(failed_ids(failed, table)) + counts[table] == len(sent_ids(elements, table))
            if mode == "pending":
                assert len(stored) == counts[table]
                assert not set(stored) & set(failed_ids(failed, table))


@pytest.mark.parametrize("mode", ["pending", "default"])
def test_bad_rows_fail_alone_with_their_column_and_no_value(
    tmp_path: Path, mode: str, caplog: pytest.LogCaptureFixture
) -> None:
    columns = {
        "event_id": ["a", None, "d", "e"],
        "amount": [Decimal(1), Decimal(1), None, Decimal(1)],
        "data": ['{"a": 1}', "{}", f'{{"name": {SECRET}', None],
    }
    rows = TableRows("events", pa.RecordBatch.from_pydict(columns, SCHEMA))
    with warehouse(tmp_path) as server:
        failed, counts = run([rows], server, mode=mode)
        assert server.ids("events") == ["a", "e"]
    assert counts == {"events": 2}
    assert {(failure.code, failure.rows.column("event_id").to_pylist()[0], failure.reason) for failure in failed} == {
        ("SINK_REJECTED", None, "column event_id: a required value is missing"),
        ("SINK_REJECTED", "d", "column data: the value does not fit the column's type"),
    }
    assert SECRET not in caplog.text
    assert not any(SECRET in failure.reason for failure in failed)


@pytest.mark.parametrize("mode", ["pending", "default"])
@pytest.mark.parametrize("status", ["PERMISSION_DENIED", "NOT_FOUND", "INVALID_ARGUMENT"])
def test_a_permanent_rejection_fails_rows_at_once_and_logs_one_line_per_table(
    tmp_path: Path, mode: str, status: str, caplog: pytest.LogCaptureFixture
) -> None:
    elements = batches("events", 600) + batches("order_events", 200)
    fault = {"on": "append", "table": "order_events", "status": status}
    begun = time.monotonic()
    with warehouse(tmp_path, fault) as server, caplog.at_level(logging.INFO, "transforms"):
        failed, counts = run(elements, server, mode=mode, retry_budget_seconds=600.0)
        assert server.ids("events") == sent_ids(elements, "events")
        assert server.ids("order_events") == []
    assert time.monotonic() - begun < 20
    assert counts == {"events": 600}
    assert failed_ids(failed, "order_events") == sent_ids(elements, "order_events")
    assert {(failure.code, failure.reason.split(":")[0]) for failure in failed} == {("SINK_REJECTED", status)}
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("transforms")]
    assert len(lines) == 1
    assert "local.analytics.order_events" in lines[0]
    assert status in lines[0]


@pytest.mark.parametrize("mode", ["pending", "default"])
def test_a_missing_table_fails_its_rows_and_names_what_to_do(tmp_path: Path, mode: str) -> None:
    tables = BigQueryTables("local", {"events": "event_store", "nowhere": "analytics"})
    elements = batches("events", 80) + batches("nowhere", 80)
    with warehouse(tmp_path) as server:
        results.clear()
        with beam.Pipeline(runner=FnApiRunner()) as pipeline:
            out = pipeline | beam.Create(elements) | AppendRows(tables=tables, mode=mode, endpoint=server.target)  # type: ignore[arg-type]
            _ = out.failed | beam.Map(collect)
        assert server.ids("events") == sent_ids(elements, "events")
    (failed,) = results
    assert isinstance(failed, FailedRows)
    assert failed.rows.num_rows == 80
    assert (
        failed.reason == "TABLE_NOT_FOUND: the table does not exist: run provision, which needs bigquery.tables.create"
    )


@pytest.mark.parametrize("mode", ["pending", "default"])
def test_a_table_that_stays_unavailable_exhausts_the_retry_budget(tmp_path: Path, mode: str) -> None:
    elements = batches("events", 600) + batches("order_events", 200)
    with warehouse(tmp_path, {"on": "append", "table": "events", "status": "UNAVAILABLE"}) as server:
        begun = time.monotonic()
        failed, counts = run(elements, server, mode=mode, retry_budget_seconds=1.0)
        assert time.monotonic() - begun < 8
        assert server.ids("order_events") == sent_ids(elements, "order_events")
    assert counts == {"order_events": 200}
    assert failed_ids(failed, "events") == sent_ids(elements, "events")
    assert {failure.code for failure in failed} == {"SINK_EXHAUSTED"}
    assert max(failure.attempts for failure in failed) > 1


def test_a_server_that_is_gone_exhausts_all_rows(tmp_path: Path) -> None:
    with warehouse(tmp_path) as server:
        pass
    failed, _ = run(batches("events", 80), server, retry_budget_seconds=1.0)
    assert sum(failure.rows.num_rows for failure in failed) == 80
    assert {failure.code for failure in failed} == {"SINK_EXHAUSTED"}
