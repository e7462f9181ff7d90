"""`query --sql`: one SELECT on the warehouse and the lake's feeds, and nothing that writes or reads anything else."""

import json
import os
from pathlib import Path

import duckdb
import pytest

from pipelines.bigquery_emulator.client import bigquery_client
from pipelines.bigquery_emulator.server import BigQueryEmulator
from pipelines.cli.commands.query import select_only
from pipelines.cli.main import main
from pipelines.errors import UserError
from pipelines.stores.open_stores import open_stores
from pipelines.stores.target import Target
from schemas.tables.lake import LAKE_FEEDS, PARTITIONS
from tests.support.lake_runs import run_local

HOUR = "dt=2026-06-15/hour=12"


@pytest.fixture(scope="module")
def output(tmp_path_factory) -> Path:
    return run_local(tmp_path_factory.mktemp("sql"), "in", range(12))


def sql(output, capsys, text, *options):
    code = main(["query", "--output", str(output), "--sql", text, "--format", "json", *options])
    captured = capsys.readouterr()
    return code, [json.loads(line) for line in captured.out.splitlines()] if code == 0 else captured.out, captured.err


def test_tables_views_and_feeds_are_joined(output, capsys):
    code, rows, _ = sql(
        output,
        capsys,
        """SELECT f.hour, f.dt, COUNT(*) AS n, SUM(f.count) AS measured,
           (SELECT COUNT(*) FROM analytics.iot_telemetry) AS stored, (SELECT COUNT(*) FROM lake.iot_telemetry) AS filed,
           (SELECT SUM(events) FROM analytics.event_counts_current) AS counted
           FROM lake.iot_features AS f GROUP BY ALL ORDER BY f.hour""",
    )
    assert code == 0
    sums = {"n": 6, "measured": 6, "stored": 12, "filed": 12, "counted": 12}
    assert [{**row, "counted": int(row["counted"]), "measured": int(row["measured"])} for row in rows] == [
        {"hour": "12", "dt": "2026-06-15", **sums},
        {"hour": "13", "dt": "2026-06-15", **sums},
    ]


def test_a_feed_shows_what_the_manifests_name_and_no_other_file(output, capsys):
    stranger = output / "lake" / "ml" / "iot_telemetry" / HOUR / "stranger.parquet"
    stranger.write_bytes(next(stranger.parent.glob("*.parquet")).read_bytes())
    try:
        assert sql(output, capsys, "SELECT COUNT(*) AS n FROM lake.iot_telemetry") == (0, [{"n": 12}], "")
    finally:
        stranger.unlink()


def test_a_feed_without_files_has_no_rows_and_all_columns(tmp_path, capsys):
    with open_stores(Target.local(tmp_path), create=True):
        pass
    for feed in LAKE_FEEDS:
        assert sql(tmp_path, capsys, f"SELECT * FROM lake.{feed.name}")[:2] == (0, [])
        code, rows, _ = sql(tmp_path, capsys, f"DESCRIBE lake.{feed.name}")
        assert code == 0
        assert [row["column_name"] for row in rows] == [column.name for column in (*feed.columns, *PARTITIONS)]


def test_every_column_of_the_file_and_of_the_feeds_has_a_comment(output, capsys):
    count = (
        "SELECT COUNT(*) FILTER (comment IS NULL) AS without, COUNT(*) > 0 AS found FROM {} WHERE {} AND NOT internal"
    )
    schemas = "schema_name IN ('event_store', 'analytics') OR database_name = 'lake'"
    for function in ("duckdb_columns()", "duckdb_tables()", "duckdb_views()"):
        code, rows, _ = sql(output, capsys, count.format(function, f"({schemas})"))
        assert (code, rows) == (0, [{"without": 0, "found": True}]), function


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param("INSERT INTO analytics.iot_telemetry SELECT * FROM analytics.iot_telemetry", 2, id="insert"),
        pytest.param("CREATE TABLE t AS SELECT 1", 2, id="create"),
        pytest.param("SELECT 1; DROP TABLE analytics.iot_telemetry", 2, id="two"),
        pytest.param("COPY (SELECT 1) TO 'stolen.parquet'", 2, id="copy"),
        pytest.param("ATTACH 'other.duckdb'", 2, id="attach"),
        pytest.param("SET enable_external_access = true", 2, id="set"),
        pytest.param("INSTALL httpfs", 2, id="install"),
        pytest.param("", 2, id="empty"),
        pytest.param("SELECT * FROM read_text('/etc/hostname')", 1, id="file"),
        pytest.param("SELECT * FROM 'https://example.com/a.parquet'", 1, id="network"),
        pytest.param("SELECT * FROM glob('/*')", 1, id="glob"),
        pytest.param("FROM read_parquet('SECRET')", 1, id="parquet outside"),
        pytest.param("FROM read_text('LOCK')", 1, id="file of the folder"),
        pytest.param("SELECT * FROM capsys", 1, id="variable"),
        pytest.param("SELEC 1", 1, id="syntax"),
        pytest.param("SELECT CAST(device_id AS INTEGER) FROM lake.iot_features", 1, id="fails at run time"),
    ],
)
def test_what_writes_or_reads_anything_else_fails(output, tmp_path, capsys, text, code):
    duckdb.sql(f"COPY (SELECT 1 AS x) TO '{tmp_path / 'secret.parquet'}'")
    text = text.replace("SECRET", str(tmp_path / "secret.parquet")).replace("LOCK", str(output / "summary.json"))
    before = (output / "warehouse.duckdb").read_bytes()
    found, out, err = sql(output, capsys, text)
    assert (found, out) == (code, "")
    assert "--sql" in err
    assert "Traceback" not in err
    assert (output / "warehouse.duckdb").read_bytes() == before
    assert not os.path.exists("stolen.parquet")


def test_a_served_warehouse_is_named(output, capsys):
    with BigQueryEmulator(output / "warehouse.duckdb"):
        code, _, err = sql(output, capsys, "SELECT 1")
    assert code == 2
    assert f"process {os.getpid()} serves its warehouse" in err


def test_mistakes_are_named(output, tmp_path, capsys):
    assert sql(output, capsys, "SELECT 1", "--as_of", "2026-06-15T00:00:00Z")[0] == 2
    code, _, err = sql(tmp_path, capsys, "SELECT 1")
    assert (code, "there is no warehouse.duckdb" in err) == (2, True)
    code, rows, err = sql(output, capsys, "SELECT * FROM range(5)", "--limit", "2")
    assert (code, len(rows), "the first 2 rows" in err) == (0, 2, True)


def test_bigquery_runs_a_select_and_refuses_the_rest(tmp_path):
    with BigQueryEmulator(tmp_path / "w.duckdb") as server, bigquery_client(server.rest_url) as client:
        client.query_and_wait("CREATE SCHEMA d; CREATE TABLE d.t AS SELECT 1 AS n")
        assert [row.n for row in select_only(client, "SELECT n FROM d.t")] == [1]
        for text in ("DELETE FROM d.t WHERE TRUE", "DROP TABLE d.t", "SELECT 1; SELECT 2"):
            with pytest.raises(UserError, match="--sql: is "):
                select_only(client, text)
        assert client.get_table("d.t").num_rows == 1
