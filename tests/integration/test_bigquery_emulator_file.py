"""The warehouse as a DuckDB file: its format, files of other formats, and comments for a plain DuckDB user."""

from pathlib import Path

import duckdb
import pytest
from google.cloud import bigquery

from pipelines.bigquery_emulator.client import bigquery_client
from pipelines.bigquery_emulator.server import BigQueryEmulator

FIELD = bigquery.SchemaField
COMMENTS = """
    select table_name, null, comment from duckdb_tables() where schema_name = 'd'
    union all select view_name, null, comment from duckdb_views() where schema_name = 'd'
    union all select table_name, column_name, comment from duckdb_columns() where schema_name = 'd' order by all
"""


def comments(path: Path) -> dict[str, str | None]:
    """Return the comments of the file by table or table.column."""
    with duckdb.connect(str(path), read_only=True) as plain:
        return {".".join(filter(None, (table, name))): text for table, name, text in plain.execute(COMMENTS).fetchall()}


def storage_version(path: Path) -> str:
    with duckdb.connect(str(path), read_only=True) as plain:
        [(tags,)] = plain.execute("select tags from duckdb_databases() where path is not null").fetchall()
        return str(tags["storage_version"])


def test_a_new_file_is_of_the_format_that_duckdb_1_3_reads(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    for _ in range(2):  # a second start does not change it
        with BigQueryEmulator(path) as server, bigquery_client(server.rest_url) as client:
            client.query_and_wait("CREATE SCHEMA IF NOT EXISTS d; CREATE TABLE IF NOT EXISTS d.t (s STRING, j JSON)")
            client.query_and_wait("INSERT INTO d.t (s, j) VALUES ('a', JSON '{}')")
        assert storage_version(path) == "v1.3.0+"


def test_a_file_of_the_newest_format_still_opens(tmp_path: Path) -> None:
    made, path = tmp_path / "made.duckdb", tmp_path / "w.duckdb"
    with BigQueryEmulator(made) as server, bigquery_client(server.rest_url) as client:
        client.query_and_wait("CREATE SCHEMA d; CREATE TABLE d.t (s STRING OPTIONS(description='of old'))")
        client.query_and_wait("INSERT INTO d.t (s) VALUES ('a')")
    with duckdb.connect() as plain:
        plain.execute(
            f"attach '{made}' as made (read_only); attach '{path}' as copied; copy from database made to copied"
        )
        plain.execute("comment on column copied.d.t.s is null")
    before = storage_version(path)
    assert before != "v1.3.0+"
    with BigQueryEmulator(path) as server, bigquery_client(server.rest_url) as client:
        client.query_and_wait("INSERT INTO d.t (s) VALUES ('b')")
        assert sorted(row.s for row in client.list_rows("d.t")) == ["a", "b"]
    assert storage_version(path) == before
    assert comments(path) == {"t": None, "t.s": "of old"}


def test_descriptions_are_comments_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    with BigQueryEmulator(path) as server, bigquery_client(server.rest_url) as client:
        client.create_dataset("d")
        table = bigquery.Table("local.d.t", [FIELD("a", "INT64", description="it's a"), FIELD("b", "STRING")])
        table.description = "the table"
        client.create_table(table)
        view = bigquery.Table("local.d.v", [FIELD("a", "INT64", description="a of v")])
        view.view_query, view.description = "SELECT a FROM d.t", "the view"
        client.create_table(view)
        client.query_and_wait(
            "CREATE TABLE d.s (x INT64 OPTIONS(description='by SQL')) OPTIONS(description='SQL table')"
        )
    assert comments(path) == {
        "s": "SQL table",
        "s.x": "by SQL",
        "t": "the table",
        "t.a": "it's a",
        "t.b": None,
        "v": "the view",
        "v.a": "a of v",
    }
    with BigQueryEmulator(path) as server, bigquery_client(server.rest_url) as client:
        table = client.get_table("d.t")
        table.schema = [
            FIELD("a", "INT64", description="new"),
            FIELD("b", "STRING", description="b"),
            FIELD("c", "DATE"),
        ]
        table.description = None
        client.update_table(table, ["schema", "description"])
        view = client.get_table("d.v")
        view.view_query = "SELECT a, b FROM d.t"
        client.update_table(view, ["view_query"])
        client.query_and_wait("DROP TABLE d.s")
    assert comments(path) == {
        "t": None,
        "t.a": "new",
        "t.b": "b",
        "t.c": None,
        "v": "the view",
        "v.a": "a of v",
        "v.b": None,
    }


@pytest.mark.parametrize("kind", ["table", "view"])
def test_a_comment_does_not_end_its_own_quotes(tmp_path: Path, kind: str) -> None:
    text = "'; DROP SCHEMA d CASCADE; --"
    with BigQueryEmulator(tmp_path / "w.duckdb") as server, bigquery_client(server.rest_url) as client:
        client.create_dataset("d")
        made = bigquery.Table(f"local.d.{kind}", [FIELD("a", "INT64", description=text)])
        if kind == "view":
            made.view_query = "SELECT 1 AS a"
        client.create_table(made)
        assert client.get_table(f"d.{kind}").schema[0].description == text
    assert comments(tmp_path / "w.duckdb")[f"{kind}.a"] == text
