"""Every kind of fault as Google's clients see it, and the rows in the table afterwards."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import requests
from google.api_core import exceptions
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import types

from pipelines.bigquery_emulator.client import bigquery_client
from pipelines.bigquery_emulator.faults.script import FaultScript
from pipelines.bigquery_emulator.server import BigQueryEmulator
from tests.support.storage_write import answers, append, commit, pending, request, write_client

SCHEMA = pa.schema([("id", pa.int64()), ("name", pa.string())])
TABLE = "projects/local/datasets/d/tables/t"
DEFAULT = f"{TABLE}/streams/_default"


class FaultyTable:
    """An emulator with faults, its clients and a table of two columns."""

    def __init__(self, server: BigQueryEmulator) -> None:
        self.rest = bigquery_client(server.rest_url)
        self.write = write_client(server.grpc_target)
        self.rest.create_dataset("d", retry=None)
        fields = [bigquery.SchemaField("id", "INT64"), bigquery.SchemaField("name", "STRING")]
        for name in ("t", "other"):
            self.rest.create_table(bigquery.Table(f"local.d.{name}", fields))

    def ids(self) -> list[int]:
        return sorted(row.id for row in self.rest.list_rows("d.t"))


@pytest.fixture
def faulty(tmp_path: Path) -> Any:
    servers: list[BigQueryEmulator] = []

    def start(*faults: dict[str, Any]) -> FaultyTable:
        servers.append(BigQueryEmulator(tmp_path / "w.duckdb", faults=FaultScript.parse({"faults": list(faults)})))
        return FaultyTable(servers[0])

    yield start
    for server in servers:
        server.close()


Start = Callable[..., FaultyTable]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        ("UNAVAILABLE", exceptions.ServiceUnavailable),
        ("RESOURCE_EXHAUSTED", exceptions.ResourceExhausted),
        ("INTERNAL", exceptions.InternalServerError),
        ("PERMISSION_DENIED", exceptions.PermissionDenied),
        (503, exceptions.ServiceUnavailable),
    ],
)
def test_an_append_fails_with_the_status(faulty: Start, status: Any, error: type[Exception]) -> None:
    client = faulty({"on": "append", "call": 2, "status": status})
    append(client.write, DEFAULT, [{"id": 1}], SCHEMA)
    with pytest.raises(error):
        append(client.write, DEFAULT, [{"id": 2}], SCHEMA)
    append(client.write, DEFAULT, [{"id": 3}], SCHEMA)
    assert client.ids() == [1, 3]


def test_a_lost_reply_of_an_append_leaves_its_rows(faulty: Start) -> None:
    client = faulty({"on": "append", "call": 1, "reply_lost": True})
    name = pending(client.write, TABLE)
    with pytest.raises(exceptions.ServiceUnavailable):
        append(client.write, name, [{"id": 1}], SCHEMA, 0)
    assert append(client.write, name, [{"id": 1}], SCHEMA, 0).error.code == 6  # so the client knows that it is there
    append(client.write, name, [{"id": 2}], SCHEMA, 1)
    client.write.finalize_write_stream(name=name)
    commit(client.write, TABLE, [name])
    assert client.ids() == [1, 2]


def test_rows_are_rejected_by_a_condition(faulty: Start) -> None:
    client = faulty({"on": "append", "row_errors": {"column": "name", "matches": "^bad", "reason": "no such name"}})
    rows = [{"id": 1, "name": "good"}, {"id": 2, "name": "bad one"}, {"id": 3}]
    answer = append(client.write, DEFAULT, rows, SCHEMA)
    assert answer.error.code == 3
    assert [(error.index, error.message) for error in answer.row_errors] == [(1, "Field name: no such name")]
    assert client.ids() == []
    append(client.write, DEFAULT, [rows[0], rows[2]], SCHEMA)
    assert client.ids() == [1, 3]


def test_the_server_ends_an_append_connection(faulty: Start) -> None:
    client = faulty({"on": "append", "call": 2, "close_stream": True})
    sent = [request(DEFAULT, [{"id": number}], SCHEMA) for number in (1, 2, 3)]
    assert len(answers(client.write, sent)) == 2
    assert client.ids() == [1, 2]


def test_an_answer_is_delayed(faulty: Start) -> None:
    client = faulty({"on": "append", "call": 1, "delay_seconds": 0.3})
    started = time.monotonic()
    append(client.write, DEFAULT, [{"id": 1}], SCHEMA)
    assert time.monotonic() - started >= 0.3


def test_a_fault_of_one_table_does_not_apply_to_others(faulty: Start) -> None:
    client = faulty({"on": "append", "table": "other", "status": "INTERNAL"})
    append(client.write, DEFAULT, [{"id": 1}], SCHEMA)
    with pytest.raises(exceptions.InternalServerError):
        append(client.write, DEFAULT.replace("/t/", "/other/"), [{"id": 1}], SCHEMA)
    assert client.ids() == [1]


def test_stream_calls_fail_and_succeed_again(faulty: Start) -> None:
    client = faulty(
        {"on": "create_stream", "call": 1, "status": "PERMISSION_DENIED"},
        {"on": "get_stream", "call": 1, "status": "INTERNAL"},
        {"on": "finalize", "call": 1, "status": "INTERNAL"},
        {"on": "commit", "call": 1, "status": "INTERNAL"},
        {"on": "commit", "call": 2, "reply_lost": True},
    )
    with pytest.raises(exceptions.PermissionDenied):
        pending(client.write, TABLE)
    name = pending(client.write, TABLE)
    with pytest.raises(exceptions.InternalServerError):
        client.write.get_write_stream(name=name, retry=None)
    append(client.write, name, [{"id": 1}], SCHEMA)
    with pytest.raises(exceptions.InternalServerError):
        client.write.finalize_write_stream(name=name, retry=None)
    client.write.finalize_write_stream(name=name)
    sent = types.BatchCommitWriteStreamsRequest(parent=TABLE, write_streams=[name])
    with pytest.raises(exceptions.InternalServerError):
        client.write.batch_commit_write_streams(sent, retry=None)
    assert client.ids() == []
    with pytest.raises(exceptions.ServiceUnavailable):
        client.write.batch_commit_write_streams(sent, retry=None)
    assert client.ids() == [1]
    again = client.write.batch_commit_write_streams(sent, retry=None)
    assert [error.code.name for error in again.stream_errors] == ["STREAM_ALREADY_COMMITTED"]
    assert client.ids() == [1]


def test_insert_all_fails_rejects_rows_and_loses_replies(faulty: Start) -> None:
    client = faulty(
        {"on": "rest:insertAll", "call": 1, "status": 503},
        {"on": "rest:insertAll", "call": 2, "row_errors": {"column": "id", "equals": 2}},
        {"on": "rest:insertAll", "call": 3, "reply_lost": True},
    )
    table, rows = client.rest.get_table("d.t"), [{"id": 1}, {"id": 2}]
    with pytest.raises(exceptions.ServiceUnavailable):
        client.rest.insert_rows_json(table, rows, retry=None)
    errors = client.rest.insert_rows_json(table, rows, retry=None)
    assert sorted((error["index"], error["errors"][0]["reason"]) for error in errors) == [
        (0, "stopped"),
        (1, "invalid"),
    ]
    assert client.ids() == []
    with pytest.raises(requests.exceptions.ConnectionError):
        client.rest.insert_rows_json(table, rows, retry=None)
    assert client.ids() == [1, 2]


def test_a_statement_whose_reply_is_lost_runs_once(faulty: Start) -> None:
    client = faulty({"on": "query", "call": [1, 3], "reply_lost": True})
    assert client.rest.query_and_wait("INSERT INTO d.t (id) VALUES (1)").num_dml_affected_rows == 1
    client.rest.query("INSERT INTO d.t (id) VALUES (2)").result()
    assert client.ids() == [1, 2]


def test_googles_client_retries_a_transient_fault(faulty: Start) -> None:
    client = faulty({"on": "query", "call": 1, "status": 503}, {"on": "rest:tables", "call": 3, "status": 429})
    assert [row.n for row in client.rest.query_and_wait("SELECT 1 AS n")] == [1]
    assert client.rest.get_table("d.t").table_id == "t"


REJECT = {"on": "append", "table": "t", "reject_request": {"column": "id", "equals": 3, "reason": "bad value"}}


def test_a_request_with_a_bad_row_is_rejected_without_row_errors(faulty: Start) -> None:
    table = faulty(REJECT)
    for ids in ([1, 2, 3, 4], [3], [3, 4]):
        answer = append(table.write, DEFAULT, [{"id": number} for number in ids], SCHEMA)
        assert answer.error.code == 3
        assert "bad value" in answer.error.message
        assert not answer.row_errors
    for ids in ([1, 2], [4], []):
        assert not append(table.write, DEFAULT, [{"id": number} for number in ids], SCHEMA).error.code
    assert table.ids() == [1, 2, 4]
    name = pending(table.write, TABLE)
    assert append(table.write, name, [{"id": 3}], SCHEMA).error.code == 3
    assert append(table.write, name, [{"id": 5}], SCHEMA, offset=0).append_result.offset == 0
    other = "projects/local/datasets/d/tables/other/streams/_default"
    assert not append(table.write, other, [{"id": 3}], SCHEMA).error.code


def test_a_connection_stays_open_after_a_rejected_request(faulty: Start) -> None:
    table = faulty(REJECT)
    requests = [request(DEFAULT, [{"id": number}], SCHEMA) for number in (1, 3, 2)]
    assert [answer.error.code for answer in answers(table.write, requests)] == [0, 3, 0]
    assert table.ids() == [1, 2]
