"""What another user of the machine, or a page in the owner's browser, can do through a running emulator: nothing.

The first part sends what such a neighbour can send, without the token; the second sends SQL and load jobs with the token,
as a client may that was handed somebody else's SQL.
"""

import base64
import gzip
import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.api_core import exceptions
from google.cloud import bigquery

from pipelines.bigquery_emulator.access_token import split_token
from pipelines.bigquery_emulator.address_file import FILE_NAME, read_address, write_address
from pipelines.bigquery_emulator.client import bigquery_client, grpc_channel
from pipelines.bigquery_emulator.http import timed_reader
from pipelines.bigquery_emulator.server import BigQueryEmulator
from tests.support.storage_write import write_client

QUERIES = "/bigquery/v2/projects/local/queries"
DATASETS = "/bigquery/v2/projects/local/datasets"
TABLE = "/bigquery/v2/projects/local/datasets/analytics/tables/secrets"
SELECT_1 = json.dumps({"query": "SELECT 1 AS x", "useLegacySql": False})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BigQueryEmulator]:
    folder = tmp_path_factory.mktemp("emulator")
    with BigQueryEmulator(folder / "run" / "warehouse.duckdb") as server:
        with bigquery_client(server.rest_url) as client:
            client.create_dataset("analytics")
            client.query_and_wait("CREATE TABLE analytics.secrets AS SELECT 'TOPSECRET' AS secret")
            client.query_and_wait("CREATE FUNCTION analytics.twice(x INT64) AS (2 * x)")
            client.query_and_wait("CREATE TABLE FUNCTION analytics.few(m INT64) AS SELECT m AS n")
        yield server


@pytest.fixture
def client(server: BigQueryEmulator) -> Iterator[bigquery.Client]:
    with bigquery_client(server.rest_url) as client:
        yield client


def host_of(server: BigQueryEmulator) -> str:
    return split_token(server.rest_url)[0].removeprefix("http://")


def token_of(server: BigQueryEmulator) -> str:
    return split_token(server.rest_url)[1]


def call(
    server: BigQueryEmulator,
    method: str = "POST",
    path: str = QUERIES,
    body: str | bytes | None = SELECT_1,
    headers: dict[str, str] | None = None,
    *,
    token: bool = False,
) -> tuple[int, dict[str, Any]]:
    """Send one request with the headers of a page unless others are given; return status and body."""
    connection = http.client.HTTPConnection(host_of(server), timeout=30)
    sent = {"Content-Type": "text/plain", **(headers or {})}
    if token:
        sent.setdefault("Authorization", f"Bearer {token_of(server)}")
    connection.request(method, path, body, sent)
    response = connection.getresponse()
    text = response.read()
    connection.close()
    return response.status, json.loads(text or b"{}")


def raw(server: BigQueryEmulator, data: bytes) -> bytes:
    """Send bytes and return all that comes back until the server hangs up."""
    host, port = host_of(server).split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(data)
        received = b""
        while part := connection.recv(65536):
            received += part
        return received


WITHOUT_TOKEN: list[tuple[str, str, str, str | None, dict[str, str]]] = [
    ("a page's form", "POST", QUERIES, SELECT_1, {"Origin": "http://evil.example", "Host": "evil.example:1234"}),
    ("a query", "POST", QUERIES, SELECT_1, {}),
    ("a listing", "GET", DATASETS, None, {}),
    ("a foreign host", "GET", DATASETS, None, {"Host": "evil.example", "Origin": "http://evil.example"}),
    ("a delete", "DELETE", TABLE, None, {}),
    ("a delete by override", "POST", TABLE, "", {"X-HTTP-Method-Override": "DELETE"}),
    ("a load job", "POST", "/bigquery/v2/projects/local/jobs", "{}", {}),
    ("an upload", "POST", "/upload/bigquery/v2/projects/local/jobs?uploadType=multipart", "x", {}),
    ("insertAll", "POST", f"{TABLE}/insertAll", '{"rows": [{"json": {"secret": "x"}}]}', {}),
    ("an unknown path", "GET", "/", None, {}),
    ("a wrong token", "GET", DATASETS, None, {"Authorization": "Bearer wrong"}),
    ("an empty token", "GET", DATASETS, None, {"Authorization": "Bearer "}),
    ("a token in another scheme", "GET", DATASETS, None, {"Authorization": "Digest x"}),
    ("a broken Basic", "GET", DATASETS, None, {"Authorization": "Basic ???"}),
]


@pytest.mark.parametrize(
    ("method", "path", "body", "headers"), [case[1:] for case in WITHOUT_TOKEN], ids=[case[0] for case in WITHOUT_TOKEN]
)
def test_a_request_without_the_token_is_rejected(
    server: BigQueryEmulator, method: str, path: str, body: str | None, headers: dict[str, str]
) -> None:
    status, answer = call(server, method, path, body, headers)
    assert status == (403 if "Host" in headers or "Origin" in headers else 401)
    assert set(answer) == {"error"}
    with bigquery_client(server.rest_url) as client:
        assert [row.secret for row in client.list_rows("analytics.secrets")] == ["TOPSECRET"]


FORGED: list[tuple[str, dict[str, str], int]] = [
    ("a rebound host name", {"Host": "evil.example"}, 403),
    ("a rebound host name with our port", {"Host": "evil.example:{port}"}, 403),
    ("a name that begins like ours", {"Host": "127.0.0.1.evil.example:{port}"}, 403),
    ("our address without the port", {"Host": "127.0.0.1"}, 403),
    ("another port", {"Host": "127.0.0.1:1"}, 403),
    ("an empty host", {"Host": ""}, 403),
    ("an origin", {"Origin": "http://evil.example"}, 403),
    ("our own address as origin", {"Origin": "http://127.0.0.1:{port}"}, 403),
    ("a null origin", {"Origin": "null"}, 403),
    ("a method override", {"X-HTTP-Method-Override": "DELETE"}, 400),
    ("a chunked body", {"Transfer-Encoding": "chunked"}, 411),
    ("a body over the limit", {"Content-Length": str(10**12)}, 413),
    ("a length of many digits", {"Content-Length": "9" * 5000}, 413),
    ("a negative length", {"Content-Length": "-1"}, 400),
    ("a length that is none", {"Content-Length": "0x10"}, 400),
]


@pytest.mark.parametrize(("headers", "status"), [case[1:] for case in FORGED], ids=[case[0] for case in FORGED])
def test_forged_and_unbounded_requests_are_rejected_even_with_the_token(
    server: BigQueryEmulator, headers: dict[str, str], status: int
) -> None:
    port = host_of(server).rpartition(":")[2]
    lines = {"Host": host_of(server), "Authorization": f"Bearer {token_of(server)}"}
    lines |= {name: value.format(port=port) for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    answer = raw(server, f"POST {TABLE} HTTP/1.1\r\n{head}\r\n".encode())
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"])
def test_every_loopback_name_with_the_right_port_is_answered(server: BigQueryEmulator, name: str) -> None:
    port = host_of(server).rpartition(":")[2]
    assert call(server, "GET", DATASETS, None, {"Host": f"{name}:{port}"}, token=True)[0] == 200


@pytest.mark.parametrize(
    "data",
    [
        b"GET http://evil.example/x HTTP/1.1\r\nHost: {host}\r\n{token}\r\n",
        b"GET /bigquery/v2/projects/local/datasets HTTP/1.0\r\n{token}\r\n",
        b"POST /x HTTP/1.1\r\nHost: {host}\r\nHost: evil.example\r\n{token}\r\n",
        b"POST /x HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1\r\nContent-Length: 2\r\n{token}\r\n",
    ],
    ids=["absolute target", "no host", "two hosts", "two lengths"],
)
def test_an_ambiguous_request_is_rejected_and_the_connection_closed(server: BigQueryEmulator, data: bytes) -> None:
    data = data.replace(b"{host}", host_of(server).encode())
    data = data.replace(b"{token}", f"Authorization: Bearer {token_of(server)}\r\n".encode())
    assert raw(server, data).split(b" ", 2)[1] in (b"400", b"403")


def test_the_body_of_a_rejected_request_is_not_read_as_a_request(server: BigQueryEmulator) -> None:
    inner = f"DELETE {TABLE} HTTP/1.1\r\nHost: {host_of(server)}\r\nAuthorization: Bearer {token_of(server)}\r\n\r\n"
    outer = f"POST /x HTTP/1.1\r\nHost: {host_of(server)}\r\nContent-Length: {len(inner)}\r\n\r\n"
    answer = raw(server, (outer + inner).encode())
    assert answer.count(b"HTTP/1.1 ") == 1
    assert answer.startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize(
    "head",
    [b"GET /" + b"a" * 100_000, b"GET / HTTP/1.1\r\nX: " + b"a" * 100_000, b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 500],
    ids=["target", "one header", "many headers"],
)
def test_a_huge_head_is_rejected(server: BigQueryEmulator, head: bytes) -> None:
    try:
        answer = raw(server, head + b"\r\n\r\n")
    except ConnectionResetError:  # the server hung up on what it did not read
        return
    assert answer.split(b" ", 2)[1] in (b"400", b"414", b"431")


def test_a_small_gzip_body_does_not_inflate_without_a_limit(server: BigQueryEmulator) -> None:
    bomb = gzip.compress(bytes(200 * 1024 * 1024))
    headers = {"Content-Encoding": "gzip"}
    assert call(server, "POST", QUERIES, bomb, headers, token=True)[0] == 413
    assert call(server, "POST", QUERIES, b"no gzip", headers, token=True)[0] == 400
    assert call(server, "POST", QUERIES, gzip.compress(SELECT_1.encode())[:-9], headers, token=True)[0] == 400
    status, answer = call(server, "POST", QUERIES, gzip.compress(SELECT_1.encode()), headers, token=True)
    assert (status, answer["rows"]) == (200, [{"f": [{"v": "1"}]}])


@pytest.mark.parametrize(
    "sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\n"], ids=["silent", "line", "headers"]
)
def test_a_slow_client_is_disconnected(server: BigQueryEmulator, monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    monkeypatch.setattr(timed_reader.TimedReader.__init__, "__defaults__", None)
    monkeypatch.setattr("pipelines.bigquery_emulator.http.timed_reader.HEAD_SECONDS", 0.5)
    monkeypatch.setattr("pipelines.bigquery_emulator.http.handler.HEAD_SECONDS", 0.5)
    host, port = host_of(server).split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(sent)
        started = time.monotonic()
        while time.monotonic() - started < 8:  # a byte now and then does not move the deadline
            try:
                connection.sendall(b"x" if sent else b"")
                connection.settimeout(0.1)
                if not connection.recv(1):
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        assert time.monotonic() - started < 5


def test_grpc_calls_without_the_token_are_rejected(server: BigQueryEmulator) -> None:
    target, token = split_token(server.grpc_target)
    name = "projects/local/datasets/analytics/tables/secrets/streams/_default"
    for address in (target, f"emulator:wrong@{target}", f"emulator:@{target}"):
        with pytest.raises(exceptions.Unauthenticated):
            write_client(address).get_write_stream(name=name, retry=None)
        with pytest.raises(exceptions.Unauthenticated):
            list(write_client(address).append_rows(requests=iter([{"write_stream": name}]), retry=None))
    assert write_client(server.grpc_target).get_write_stream(name=name).name == name
    with grpc_channel(target) as channel, pytest.raises(grpc.RpcError) as rejected:
        channel.unary_unary("/no.such/Call")(b"", metadata=[("authorization", f"Bearer {token}x")])
    assert rejected.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_the_token_is_accepted_as_bearer_and_as_the_password_of_the_url(server: BigQueryEmulator) -> None:
    basic = base64.b64encode(f"anyone:{token_of(server)}".encode()).decode()
    assert call(server, "GET", DATASETS, None, {"Authorization": f"Basic {basic}"})[0] == 200
    code = (
        "from google.auth.credentials import AnonymousCredentials; from google.cloud import bigquery\n"
        "client = bigquery.Client('local', AnonymousCredentials())\n"
        "print([row.secret for row in client.list_rows('analytics.secrets')])"
    )
    environment = {**os.environ, "BIGQUERY_EMULATOR_HOST": server.rest_url, "no_proxy": "127.0.0.1"}
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert run.stdout == "['TOPSECRET']\n"


def test_tokens_differ_from_start_to_start(tmp_path: Path) -> None:
    tokens = set()
    for _ in range(2):
        with BigQueryEmulator(tmp_path / "w.duckdb") as server:
            tokens.add(split_token(server.rest_url)[1])
    assert len(tokens) == 2
    assert all(len(token) >= 40 for token in tokens)


def test_an_address_file_of_another_user_is_ignored(
    server: BigQueryEmulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rest, token = split_token(server.rest_url)
    write_address(tmp_path / FILE_NAME, rest, split_token(server.grpc_target)[0], token)
    assert read_address(tmp_path) is not None
    monkeypatch.setattr("os.getuid", lambda: os.geteuid() + 1)
    assert read_address(tmp_path) is None
    assert (tmp_path / FILE_NAME).exists()


def test_an_address_file_is_not_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("as it was")
    (tmp_path / FILE_NAME).symlink_to(tmp_path / "victim")
    (tmp_path / f"warehouse.address.{os.getpid()}.tmp").symlink_to(tmp_path / "victim")
    with BigQueryEmulator(tmp_path / "warehouse.duckdb"):
        assert not (tmp_path / FILE_NAME).is_symlink()
    assert (tmp_path / "victim").read_text() == "as it was"


STATEMENTS = [
    "SELECT * FROM read_text('/etc/hostname')",
    "SELECT content FROM read_text('/etc/hostname')",
    "SELECT * FROM read_blob('/etc/hostname')",
    "SELECT * FROM read_csv('/etc/passwd') LIMIT 2",
    "SELECT * FROM read_csv_auto('/etc/passwd') LIMIT 2",
    "SELECT * FROM read_json('/etc/passwd')",
    "SELECT * FROM read_parquet('/etc/passwd')",
    "SELECT * FROM parquet_scan('/etc/passwd')",
    "SELECT * FROM glob('/home/*') LIMIT 3",
    "SELECT * FROM `/etc/passwd`",
    "SELECT * FROM `file:///etc/passwd`",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM query('SELECT 1')",
    "SELECT * FROM query_table('__bigquery.resources')",
    "SELECT * FROM range(3)",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM duckdb_settings",
    "SELECT * FROM main.duckdb_tables",
    "SELECT * FROM pragma_database_list",
    "SELECT * FROM pg_catalog.pg_settings",
    "SELECT * FROM sqlite_master",
    "SELECT * FROM __bigquery.resources",
    "SELECT * FROM analytics.`__bigquery.resources`",
    "SELECT * FROM duckdb_settings WHERE 1 IN (WITH duckdb_settings AS (SELECT 1 AS x) SELECT x FROM duckdb_settings)",
    "SELECT getenv('HOME')",
    "SELECT current_setting('memory_limit')",
    "SELECT x.current_setting('memory_limit') FROM (SELECT 1 AS x)",
    "SELECT SAFE.current_setting('memory_limit')",
    "SELECT version()",
    "SELECT txid_current()",
    "SELECT write_log('x')",
    "SELECT nextval('x')",
    "SELECT analytics.no_such(1)",
    "SELECT * FROM analytics.no_such(1)",
    "COPY (SELECT 1) TO '{folder}/written.csv'",
    "COPY analytics.secrets TO '{folder}/written.csv'",
    "CREATE TABLE analytics.stolen AS SELECT * FROM read_text('/etc/hostname')",
    "CREATE VIEW analytics.stolen AS SELECT * FROM read_text('/etc/hostname')",
    "CREATE TABLE FUNCTION analytics.stolen() AS SELECT * FROM read_text('/etc/hostname')",
    "CREATE FUNCTION analytics.stolen() AS (current_setting('memory_limit'))",
    "CREATE FUNCTION analytics.stolen() AS ((SELECT content FROM read_text('/etc/hostname')))",
    "CREATE EXTERNAL TABLE analytics.stolen OPTIONS(format='CSV', uris=['file:///etc/passwd'])",
    "CREATE TABLE __bigquery.mine AS SELECT 1 AS x",
    "CREATE SCHEMA __bigquery",
    "CREATE SCHEMA main",
    "DROP SCHEMA __bigquery CASCADE",
    "INSERT INTO __bigquery.resources SELECT * FROM analytics.secrets",
    "DELETE FROM __bigquery.resources WHERE TRUE",
    "UPDATE __bigquery.resources SET name = 'x' WHERE TRUE",
    "INSERT INTO analytics.secrets SELECT content FROM read_text('/etc/hostname')",
    "DELETE FROM analytics.secrets WHERE secret IN (SELECT content FROM read_text('/etc/hostname'))",
    "ALTER TABLE __bigquery.resources ADD COLUMN x STRING",
    "EXPORT DATA OPTIONS(uri='{folder}/x.csv', format='CSV') AS SELECT 1",
    "LOAD DATA INTO analytics.stolen FROM FILES(uris=['file:///etc/passwd'], format='CSV')",
    "EXPORT DATABASE '{folder}/x'",
    "IMPORT DATABASE '{folder}'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "ATTACH '{folder}/x.db'",
    "ATTACH ':memory:' AS x",
    "DETACH warehouse",
    "USE main",
    "SET memory_limit='1TB'",
    "SET GLOBAL threads = 1",
    "RESET memory_limit",
    "PRAGMA database_list",
    "PRAGMA enable_profiling",
    "CALL pragma_version()",
    "CHECKPOINT",
    "VACUUM",
    "EXECUTE IMMEDIATE 'SELECT 1'",
    "PREPARE x AS SELECT 1",
    "CREATE MACRO analytics.m() AS TABLE SELECT 1",
    "CREATE SEQUENCE analytics.s",
    "CREATE TYPE analytics.t AS ENUM ('x')",
    "CREATE PROCEDURE analytics.p() BEGIN SELECT 1; END",
    "SELECT 1; COPY (SELECT 1) TO '{folder}/written.csv'",
    "SELECT * FROM analytics.INFORMATION_SCHEMA.KEY_COLUMN_USAGE",
]


@pytest.mark.parametrize("sql", STATEMENTS)
@pytest.mark.parametrize("dry_run", [False, True], ids=["run", "dry run"])
def test_sql_reaches_neither_files_nor_settings_nor_the_catalog(
    server: BigQueryEmulator, sql: str, dry_run: bool, tmp_path: Path
) -> None:
    sql = sql.replace("{folder}", str(tmp_path))
    if dry_run and sql.split()[0] in ("CREATE", "DROP") and "stolen AS SELECT" not in sql:
        pytest.skip("a dry run does not look up what it would create")
    body = json.dumps({"query": sql, "useLegacySql": False, "dryRun": dry_run})
    status, answer = call(server, body=body, token=True)
    assert status in (400, 404), answer
    assert "rows" not in answer
    assert not list(tmp_path.iterdir())
    with bigquery_client(server.rest_url) as client:
        assert [row.secret for row in client.list_rows("analytics.secrets")] == ["TOPSECRET"]
        assert {table.table_id for table in client.list_tables("analytics")} == {"secrets"}


def test_duckdb_itself_has_no_access_to_files(server: BigQueryEmulator, tmp_path: Path) -> None:
    (tmp_path / "file.csv").write_text("a\n1\n")
    for sql in (
        f"from read_csv('{tmp_path}/file.csv')",
        f"from '{tmp_path}/file.csv'",
        f"copy (select 1) to '{tmp_path}/written.csv'",
        f"attach '{tmp_path}/other.duckdb'",
        "install httpfs",
        "load httpfs",
        "set enable_external_access = true",
        f"set allowed_directories = ['{tmp_path}']",
        f"set temp_directory = '{tmp_path}'",
    ):
        with server._warehouse.cursor() as cursor, pytest.raises(Exception, match=r"disabled|Cannot|does not exist"):
            cursor.execute(sql).fetchall()
    assert [path.name for path in tmp_path.iterdir()] == ["file.csv"]


def test_functions_of_the_client_and_information_schema_work(client: bigquery.Client) -> None:
    assert [row.x for row in client.query_and_wait("SELECT analytics.twice(4) AS x")] == [8]
    assert [row.x for row in client.query_and_wait("SELECT `local.analytics.twice`(4) AS x")] == [8]
    assert [row.n for row in client.query_and_wait("SELECT n FROM analytics.few(3)")] == [3]
    found = client.query_and_wait("SELECT schema_name FROM INFORMATION_SCHEMA.SCHEMATA")
    assert [row.schema_name for row in found] == ["analytics"]


@pytest.mark.parametrize(
    "dataset",
    ["__bigquery", "__BigQuery", "main", "information_schema", "pg_catalog", "temp", "system", "a.b", "a/b", ""],
)
def test_a_dataset_cannot_take_the_name_of_a_schema_of_duckdb(server: BigQueryEmulator, dataset: str) -> None:
    body = json.dumps({"datasetReference": {"projectId": "local", "datasetId": dataset}})
    assert call(server, "POST", DATASETS, body, token=True)[0] == 400


def load(server: BigQueryEmulator, uri: str) -> tuple[int, str | None]:
    """Run a load job; return the HTTP status and the job's error reason."""
    job = {
        "sourceUris": [uri],
        "sourceFormat": "NEWLINE_DELIMITED_JSON",
        "schema": {"fields": [{"name": "secret", "type": "STRING"}]},
        "writeDisposition": "WRITE_TRUNCATE",
        "destinationTable": {"projectId": "local", "datasetId": "loaded", "tableId": "rows"},
    }
    body = json.dumps({"configuration": {"load": job}})
    status, answer = call(server, "POST", "/bigquery/v2/projects/local/jobs", body, token=True)
    return status, answer["status"].get("errorResult", {}).get("reason")


def test_load_jobs_read_allowed_folders_only(tmp_path: Path) -> None:
    outside, run = tmp_path / "outside", tmp_path / "run"
    outside.mkdir()
    (outside / "secret.json").write_text('{"secret": "TOPSECRET"}\n')
    with BigQueryEmulator(run / "warehouse.duckdb") as server, bigquery_client(server.rest_url) as client:
        client.create_dataset("loaded")
        (run / "own.json").write_text('{"secret": "own"}\n')
        (run / "link.json").symlink_to(outside / "secret.json")
        (run / "folder").symlink_to(outside)
        (tmp_path / "run-too").mkdir()
        (tmp_path / "run-too" / "x.json").write_text('{"secret": "TOPSECRET"}\n')
        os.mkfifo(run / "pipe")
        assert load(server, f"file://{run}/own.json") == (200, None)
        assert load(server, f"{run}/own.json") == (200, None)
        for uri, reason in {
            f"file://{outside}/secret.json": "accessDenied",
            f"{outside}/secret.json": "accessDenied",
            f"file://{run}/../outside/secret.json": "accessDenied",
            f"file://{run}/link.json": "accessDenied",
            f"file://{run}/folder/secret.json": "accessDenied",
            f"file://{tmp_path}/run-too/x.json": "accessDenied",
            "file:///etc/passwd": "accessDenied",
            "file:///proc/self/environ": "accessDenied",
            "/dev/zero": "accessDenied",
            f"file://localhost{run}/own.json": "invalid",
            "own.json": "invalid",
            "http://127.0.0.1:1/x": "invalid",
            f"file://{run}/own.json\0": "invalid",
            f"file://{run}/pipe": "invalid",
            f"file://{run}": "notFound",
            f"file://{run}/absent.json": "notFound",
            "gs://bucket/x": "invalid",
        }.items():
            assert load(server, uri) == (200, reason), uri
        assert [row.secret for row in client.list_rows("loaded.rows")] == ["own"]
    with BigQueryEmulator(run / "warehouse.duckdb", load_folders=[outside]) as server:
        assert load(server, f"file://{outside}/secret.json") == (200, None)
