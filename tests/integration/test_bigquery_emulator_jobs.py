"""insertAll, load and copy jobs on the emulator, through google-cloud-bigquery."""

import io
import json
import os
import urllib.request
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from google.api_core import exceptions
from google.cloud import bigquery

from pipelines.bigquery_emulator.client import bigquery_client
from pipelines.bigquery_emulator.server import BigQueryEmulator

FIELD = bigquery.SchemaField
COLUMNS = [
    FIELD("id", "INT64", "REQUIRED"),
    FIELD("amount", "NUMERIC"),
    FIELD("at", "TIMESTAMP"),
    FIELD("data", "JSON"),
    FIELD("raw", "BYTES"),
    FIELD("notes", "STRING", "REPEATED"),
    FIELD("items", "RECORD", "REPEATED", fields=[FIELD("sku", "STRING"), FIELD("q", "INT64")]),
]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[bigquery.Client]:
    folder = tmp_path_factory.mktemp("emulator")
    with BigQueryEmulator(folder / "warehouse.duckdb", load_folders=[tmp_path_factory.getbasetemp()]) as server:
        client = bigquery_client(server.rest_url)
        client.create_dataset("d")
        yield client
        client.close()


@pytest.fixture
def table(client: bigquery.Client) -> bigquery.Table:
    client.delete_table("d.t", not_found_ok=True)
    return client.create_table(bigquery.Table("local.d.t", COLUMNS))


def ids(client: bigquery.Client, name: str = "t") -> list[int]:
    return [row.id for row in client.query_and_wait(f"SELECT id FROM d.{name} ORDER BY id")]


BAD_ROWS: dict[str, tuple[dict[str, Any], str]] = {
    "required absent": ({"amount": "1"}, "id"),
    "text for a number": ({"id": "x"}, "id"),
    "fraction for an integer": ({"id": 1.5}, "id"),
    "beyond INT64": ({"id": 2**63}, "id"),
    "unknown column": ({"id": 1, "more": 1}, "more"),
    "numeric out of range": ({"id": 1, "amount": "1" + "0" * 29}, "amount"),
    "no time": ({"id": 1, "at": "yesterday"}, "at"),
    "no JSON": ({"id": 1, "data": "{"}, "data"),
    "no base64": ({"id": 1, "raw": "!"}, "raw"),
    "no array": ({"id": 1, "notes": "n"}, "notes"),
    "null in an array": ({"id": 1, "notes": [None]}, "notes"),
    "nested": ({"id": 1, "items": [{"sku": "s", "q": "x"}]}, "items.q"),
    "array for a scalar": ({"id": [1]}, "id"),
}


@pytest.mark.parametrize(("row", "location"), BAD_ROWS.values(), ids=BAD_ROWS)
def test_insert_all_writes_no_row_when_one_is_invalid(
    client: bigquery.Client, table: bigquery.Table, row: dict[str, Any], location: str
) -> None:
    errors = client.insert_rows_json(table, [{"id": 1}, row, {"id": 3}])
    assert {error["index"]: error["errors"][0]["reason"] for error in errors} == {
        0: "stopped",
        1: "invalid",
        2: "stopped",
    }
    assert next(error for error in errors if error["index"] == 1)["errors"][0]["location"] == location
    assert ids(client) == []
    errors = client.insert_rows_json(table, [{"id": 1}, row, {"id": 3}], skip_invalid_rows=True)
    assert [error["index"] for error in errors] == [1]
    assert ids(client) == [1, 3]


def test_insert_all_accepts_the_formats_of_bigquery(client: bigquery.Client, table: bigquery.Table) -> None:
    given = {"ID": "7", "amount": 1.5, "at": 1781524800, "data": {"a": 1}, "raw": "AP8=", "notes": None, "other": 1}
    assert client.insert_rows_json(table, [given], ignore_unknown_values=True) == []
    [row] = client.list_rows(table)
    assert (row.id, row.amount, row.at.isoformat()) == (7, Decimal("1.5"), "2026-06-15T12:00:00+00:00")
    assert (row.data, row.raw, row.notes, row["items"]) == ({"a": 1}, b"\x00\xff", [], [])


def test_insert_all_into_a_missing_table_is_not_found(client: bigquery.Client) -> None:
    with pytest.raises(exceptions.NotFound):
        client.insert_rows_json("local.d.absent", [{"id": 1}], retry=None)


ROWS = [
    {"id": 1, "amount": "1.5", "at": "2026-06-15 12:00:00 UTC", "data": {"a": 1}, "items": [{"sku": "s", "q": 2}]},
    {"id": 2, "notes": ["x"]},
]


def ndjson(rows: list[dict[str, Any]] = ROWS) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def parquet() -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table({"id": pa.array([1, 2], pa.int32()), "notes": [["x"], []]}), file)
    return file.getvalue()


def avro() -> bytes:
    schema = {
        "type": "record",
        "name": "row",
        "fields": [
            {"name": "id", "type": "long"},
            {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
            {"name": "raw", "type": "bytes"},
            {"name": "amount", "type": {"type": "bytes", "logicalType": "decimal", "precision": 38, "scale": 9}},
        ],
    }
    file = io.BytesIO()
    at = Decimal("1.5")
    rows = [{"id": number, "at": 1781524800000000, "raw": b"\x00\r\n--\n", "amount": at} for number in (1, 2)]
    fastavro.writer(file, fastavro.parse_schema(schema), rows)
    return file.getvalue()


FILES = {"NEWLINE_DELIMITED_JSON": ndjson, "PARQUET": parquet, "AVRO": avro}


@pytest.mark.parametrize("source", FILES)
@pytest.mark.parametrize("way", ["multipart", "resumable", "file"])
def test_a_file_is_loaded(
    client: bigquery.Client, table: bigquery.Table, tmp_path: Path, source: str, way: str
) -> None:
    config = bigquery.LoadJobConfig(source_format=source)
    data = FILES[source]()
    if way == "file":
        path = tmp_path / "rows"
        path.write_bytes(data)
        job = client.load_table_from_uri(f"file://{path}", table, job_config=config)
    else:  # the client goes resumable where it does not know the size
        size = len(data) if way == "multipart" else None
        job = client.load_table_from_file(io.BytesIO(data), table, size=size, job_config=config)
    assert job.result().output_rows == 2
    assert ids(client) == [1, 2]


def test_typed_avro_is_loaded(client: bigquery.Client, table: bigquery.Table) -> None:
    client.load_table_from_file(
        io.BytesIO(avro()), table, job_config=bigquery.LoadJobConfig(source_format="AVRO")
    ).result()
    row = next(iter(client.list_rows(table)))
    assert (row.at.isoformat(), row.raw, row.amount) == ("2026-06-15T12:00:00+00:00", b"\x00\r\n--\n", Decimal("1.5"))


def test_write_and_create_dispositions_are_applied(client: bigquery.Client, table: bigquery.Table) -> None:
    def load(name: str, **options: Any) -> None:
        config = bigquery.LoadJobConfig(source_format="NEWLINE_DELIMITED_JSON", **options)
        client.load_table_from_file(io.BytesIO(ndjson()), f"local.d.{name}", job_config=config).result()

    load("t")
    load("t", write_disposition="WRITE_APPEND")
    assert ids(client) == [1, 1, 2, 2]
    load("t", write_disposition="WRITE_TRUNCATE")
    assert ids(client) == [1, 2]
    with pytest.raises(exceptions.Conflict):
        load("t", write_disposition="WRITE_EMPTY")
    with pytest.raises(exceptions.NotFound):
        load("new", create_disposition="CREATE_NEVER")
    client.delete_table("d.new", not_found_ok=True)
    load("new", schema=COLUMNS, clustering_fields=["id"])
    assert client.get_table("d.new").clustering_fields == ["id"]
    client.delete_table("d.new")


def test_a_load_with_a_bad_row_writes_nothing(client: bigquery.Client, table: bigquery.Table) -> None:
    data = ndjson([{"id": 1}, {"id": "x"}])
    config = bigquery.LoadJobConfig(source_format="NEWLINE_DELIMITED_JSON")
    with pytest.raises(exceptions.BadRequest):
        client.load_table_from_file(io.BytesIO(data), table, job_config=config).result()
    assert ids(client) == []


def test_a_table_is_created_from_the_schema_of_a_file(client: bigquery.Client) -> None:
    config = bigquery.LoadJobConfig(source_format="PARQUET")
    client.load_table_from_file(io.BytesIO(parquet()), "local.d.inferred", job_config=config).result()
    assert [(f.name, f.field_type, f.mode) for f in client.get_table("d.inferred").schema] == [
        ("id", "INTEGER", "NULLABLE"),
        ("notes", "STRING", "REPEATED"),
    ]


def test_tables_are_copied(client: bigquery.Client, table: bigquery.Table) -> None:
    client.insert_rows_json(table, [{"id": 1}])
    client.delete_table("d.copied", not_found_ok=True)
    client.copy_table("local.d.t", "local.d.copied").result()
    assert ids(client, "copied") == [1]
    assert client.get_table("d.copied").schema == client.get_table("d.t").schema
    with pytest.raises(exceptions.Conflict):
        client.copy_table("local.d.t", "local.d.copied").result()
    config = bigquery.CopyJobConfig(write_disposition="WRITE_APPEND")
    client.copy_table(["local.d.t", "local.d.t"], "local.d.copied", job_config=config).result()
    assert ids(client, "copied") == [1, 1, 1]


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    from gcp_storage_emulator.server import create_server

    server = create_server("127.0.0.1", 0, in_memory=True)
    server.start()
    url = f"http://127.0.0.1:{server._api._httpd.server_address[1]}"
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", url)
    yield url
    server.stop()


def test_objects_of_a_bucket_are_loaded(client: bigquery.Client, table: bigquery.Table, bucket: str) -> None:
    def post(path: str, data: bytes, kind: str) -> None:
        urllib.request.urlopen(
            urllib.request.Request(f"{bucket}{path}", data, {"Content-Type": kind}), timeout=10
        ).close()

    post("/storage/v1/b?project=local", b'{"name": "b"}', "application/json")
    for number in (1, 2, 3):
        data = ndjson([{"id": number}])
        post(f"/upload/storage/v1/b/b/o?uploadType=media&name=in/{number}.jsonl", data, "text/plain")
    config = bigquery.LoadJobConfig(source_format="NEWLINE_DELIMITED_JSON")
    client.load_table_from_uri(["gs://b/in/3.jsonl"], table, job_config=config).result()
    client.load_table_from_uri("gs://b/in/*.jsonl", table, job_config=config).result()
    assert ids(client) == [1, 2, 3, 3]
    assert os.environ["STORAGE_EMULATOR_HOST"] == bucket
    with pytest.raises(exceptions.NotFound):
        client.load_table_from_uri("gs://b/absent", table, job_config=config).result()
