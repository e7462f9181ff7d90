"""Beam's own inserts and load jobs against the emulator, with our tables, rows and failed rows."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from google.cloud import bigquery

from pipelines.bigquery_emulator.beam_endpoint import point_beam_at
from pipelines.bigquery_emulator.client import bigquery_client
from pipelines.bigquery_emulator.faults.injector import FaultScript
from pipelines.bigquery_emulator.server import BigQueryEmulator
from schemas.tables.definitions import DATASET_OF, TABLES
from transforms.sinks.bigquery.beam_bigquery import InsertRows, LoadFiles
from transforms.sinks.bigquery.bigquery_tables import BigQueryTables
from transforms.sinks.results import FailedRows
from transforms.table_rows import TableRows

NAMES = ("order_sagas", "saga_alerts")
TABLES_HERE = BigQueryTables("local", {name: DATASET_OF[name] for name in NAMES})
results: list[FailedRows | tuple[str, int]] = []


def collect(result: FailedRows | tuple[str, int]) -> None:
    results.append(result)


@contextmanager
def served(folder: Path, *faults: dict[str, Any]) -> Iterator[bigquery.Client]:
    script = FaultScript.parse({"faults": list(faults)})
    with BigQueryEmulator(folder / "w.duckdb", faults=script) as server, point_beam_at(server.rest_url):
        client = bigquery_client(server.rest_url)
        client.create_dataset("analytics")
        for name in NAMES:
            fields = [bigquery.SchemaField.from_api_repr(field) for field in TABLES[name].bigquery_fields()]
            client.create_table(bigquery.Table(TABLES_HERE.name(name), fields))
        yield client


def rows(name: str, count: int) -> TableRows:
    samples: dict[str, Any] = {"string": "x", "int64": 3, "double": 0.5, "bool": True}
    made = []
    for number in range(count):
        row: dict[str, Any] = {}
        for field in TABLES[name].arrow_schema():
            kind = str(field.type)
            moment = 1_700_000_000_000_000 + number
            row[field.name] = (
                ["a", "b"]
                if "list" in kind
                else moment
                if "time" in kind
                else Decimal("1.5")
                if "dec" in kind
                else samples[kind]
            )
        made.append(row | {"order_id": f"{name}-{number}"})
    return TableRows(name, pa.RecordBatch.from_pylist(made, schema=TABLES[name].arrow_schema()))


def run(elements: list[TableRows], sink: beam.PTransform[Any, Any]) -> tuple[list[FailedRows], dict[str, int]]:
    results.clear()
    with beam.Pipeline(runner=FnApiRunner(), options=PipelineOptions(["--project=local"])) as pipeline:
        out = pipeline | beam.Create(elements) | sink
        _ = (out.failed, out.appended) | beam.Flatten() | beam.Map(collect)
    counts: dict[str, int] = {}
    for result in results:
        if isinstance(result, tuple):
            counts[result[0]] = counts.get(result[0], 0) + result[1]
    return [result for result in results if isinstance(result, FailedRows)], counts


def stored(client: bigquery.Client, name: str) -> list[tuple[str, str]]:
    sql = f"select order_id, run_id from `{TABLES_HERE.name(name)}`"
    return sorted(tuple(row) for row in client.query(sql).result())


@pytest.mark.parametrize("method", ["inserts", "loads"])
def test_rows_reach_their_tables(tmp_path: Path, method: str) -> None:
    sink = (
        InsertRows(tables=TABLES_HERE)
        if method == "inserts"
        else LoadFiles(tables=TABLES_HERE, temp=str(tmp_path / "temp"))
    )
    with served(tmp_path) as client:
        failed, counts = run([rows("order_sagas", 30), rows("saga_alerts", 20)], sink)
        assert failed == []
        assert counts == {"order_sagas": 30, "saga_alerts": 20}
        for name, count in counts.items():
            assert stored(client, name) == sorted((f"{name}-{number}", "x") for number in range(count))


def test_a_row_that_insert_all_rejects_fails_alone(tmp_path: Path) -> None:
    fault = {
        "on": "rest:insertAll",
        "row_errors": {"column": "order_id", "equals": "order_sagas-3", "reason": "a secret"},
    }
    with served(tmp_path, fault) as client:
        sent = rows("order_sagas", 10)
        (failed,), counts = run([sent], InsertRows(tables=TABLES_HERE))
        assert counts == {"order_sagas": 9}
        assert len(stored(client, "order_sagas")) == 9
    assert failed.code == "SINK_REJECTED"
    assert failed.reason.startswith("column order_id")
    assert "secret" not in failed.reason
    assert failed.rows.equals(sent.rows.slice(3, 1))


def test_a_request_that_insert_all_rejects_as_a_whole_loses_its_bad_rows_alone(tmp_path: Path) -> None:
    fault = {"on": "rest:insertAll", "reject_request": {"column": "order_id", "matches": "-(3|17)$"}}
    with served(tmp_path, fault) as client:
        failed, counts = run([rows("order_sagas", 40)], InsertRows(tables=TABLES_HERE))
        assert counts == {"order_sagas": 38}
        assert len(stored(client, "order_sagas")) == len(set(stored(client, "order_sagas"))) == 38
    assert sorted(one.rows.column("order_id")[0].as_py() for one in failed) == ["order_sagas-17", "order_sagas-3"]
    assert {(one.code, one.reason) for one in failed} == {("SINK_REJECTED", "insertAll: Bad Request")}


def test_inserts_into_a_missing_table_fail_at_once(tmp_path: Path) -> None:
    with served(tmp_path) as client:
        client.delete_table(TABLES_HERE.name("order_sagas"))
        failed, counts = run([rows("order_sagas", 10)], InsertRows(tables=TABLES_HERE))
    assert sum(failure.rows.num_rows for failure in failed) == 10
    assert sum(counts.values()) == 0
    assert {failure.code for failure in failed} == {"SINK_REJECTED"}
