"""Clients of the emulator under proxy variables that lead nowhere: they connect directly, and change nothing for others."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.bigquery_emulator.server import BigQueryEmulator
from tests.support.runs import query

NOWHERE = "http://127.0.0.1:9"
NAMES = ("http_proxy", "https_proxy", "all_proxy", "grpc_proxy")
PROXIES = {name: NOWHERE for lower in NAMES for name in (lower, lower.upper())}
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if name.lower() != "no_proxy"},
    **PROXIES,
}
MESSAGE = {
    "topic": "customers",
    "messageId": "1",
    "publishTime": "2026-06-15T12:00:00Z",
    "attributes": {},
    "data": "eyJldmVudElkIjoiN2IwZDNhNWUtMDAwMC00MDAwLTgwMDAtMDAwMDAwMDAwMDAxIn0=",
}

CLIENTS = """
import io, os, sys
import pyarrow as pa
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import types
from pipelines.bigquery_emulator.client import bigquery_client
from transforms.emulator_clients import rest_client
from transforms.sinks.bigquery.bigquery_tables import Connect

rest_url, grpc_target = sys.argv[1:]
before = dict(os.environ)
with bigquery_client(rest_url) as client:
    client.create_dataset("d")
    client.create_table(bigquery.Table("local.d.t", [bigquery.SchemaField("id", "INTEGER")]))
    schema = [bigquery.SchemaField("id", "INTEGER")]
    client.load_table_from_json([{"id": 1}], "local.d.t", job_config=bigquery.LoadJobConfig(schema=schema)).result()
    big = io.BytesIO(b'{"id": 2}\\n' + b" " * 6_000_000)
    config = bigquery.LoadJobConfig(schema=schema, source_format="NEWLINE_DELIMITED_JSON")
    client.load_table_from_file(big, "local.d.t", job_config=config).result()
    assert not client.insert_rows_json("local.d.t", [{"id": 3}])
schema, write = pa.schema([("id", pa.int64())]), Connect(grpc_target)()
request = types.AppendRowsRequest(write_stream="projects/local/datasets/d/tables/t/streams/_default")
request.arrow_rows.writer_schema.serialized_schema = schema.serialize().to_pybytes()
batch = pa.RecordBatch.from_pylist([{"id": 4}], schema=schema)
request.arrow_rows.rows.serialized_record_batch = batch.serialize().to_pybytes()
[answer] = write.append_rows(requests=iter([request]), timeout=10)
assert not answer.error.code
assert dict(os.environ) == before
with rest_client("local", rest_url) as client:
    print(sorted(row.id for row in client.list_rows("d.t")))
"""


def test_rest_uploads_and_grpc_connect_directly(tmp_path: Path) -> None:
    with BigQueryEmulator(tmp_path / "w.duckdb") as server:
        run = subprocess.run(
            [sys.executable, "-c", CLIENTS, server.rest_url, server.grpc_target],
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert (run.stdout, run.returncode) == ("[1, 2, 3, 4]\n", 0), run.stderr


@pytest.mark.parametrize("method", ["STORAGE_WRITE", "STREAMING_INSERTS", "FILE_LOADS"])
def test_commands_do_not_use_a_proxy_for_their_own_emulator(tmp_path: Path, method: str) -> None:
    (tmp_path / "input").mkdir()
    (tmp_path / "input" / "customers.messages.jsonl").write_text(json.dumps(MESSAGE) + "\n")
    output = tmp_path / "output"
    for options in (
        ["local", "--input", str(tmp_path / "input"), "--output", str(output), f"--bigquery_method={method}"],
        ["query", "--output", str(output), "--view", "order_current", "--limit", "1"],
    ):
        run = subprocess.run(
            [sys.executable, "-m", "pipelines", *options],
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert "Traceback" not in run.stderr
        assert "proxy" not in run.stderr.lower()
        assert run.returncode in (0, 1) if options[0] == "local" else run.returncode == 0, run.stderr
    assert query(output, "select count(*) from event_store.dead_letters") == [(1,)]
