"""SQL and load jobs that a client sends with the token reach the warehouse's tables and nothing else of the machine."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.cloud import bigquery

from pipelines.bigquery_emulator.client import bigquery_client
from pipelines.bigquery_emulator.server import BigQueryEmulator
from tests.support.emulator_requests import DATASETS, call, emulator_with_secrets


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BigQueryEmulator]:
    with emulator_with_secrets(tmp_path_factory.mktemp("emulator")) as server:
        yield server


@pytest.fixture
def client(server: BigQueryEmulator) -> Iterator[bigquery.Client]:
    with bigquery_client(server.rest_url) as client:
        yield client


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
