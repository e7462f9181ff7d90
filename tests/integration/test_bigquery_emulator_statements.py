"""Statements that change tables: DML, DDL, scripts, destination tables."""

from collections.abc import Iterator

import pytest
from google.api_core import exceptions
from google.cloud import bigquery

from tests.support.numbers_table import client_of_numbers, rows


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[bigquery.Client]:
    with client_of_numbers(tmp_path_factory.mktemp("emulator")) as client:
        yield client


def test_dml_returns_the_number_of_changed_rows(client: bigquery.Client) -> None:
    client.query_and_wait("CREATE OR REPLACE TABLE d.dml AS SELECT n, 'x' AS s FROM d.numbers WHERE n <= 10")

    def changed(sql: str) -> int | None:
        job = client.query(sql)
        job.result()
        return job.num_dml_affected_rows

    assert changed("INSERT INTO d.dml (n, s) VALUES (11, 'y'), (12, 'y')") == 2
    assert changed("UPDATE d.dml SET s = 'z' WHERE n > 10") == 2
    assert changed("DELETE FROM d.dml WHERE n <= 9") == 9
    merge = """
        MERGE d.dml T USING (SELECT 12 AS n UNION ALL SELECT 13) S ON T.n = S.n
        WHEN MATCHED THEN UPDATE SET s = 'merged' WHEN NOT MATCHED THEN INSERT (n, s) VALUES (S.n, 'new')"""
    assert changed(merge) == 2
    assert rows(client, "SELECT n, s FROM d.dml ORDER BY n") == [(10, "x"), (11, "z"), (12, "merged"), (13, "new")]
    client.query_and_wait("TRUNCATE TABLE d.dml")
    assert rows(client, "SELECT COUNT(*) FROM d.dml") == [(0,)]


def test_ddl_updates_the_catalog(client: bigquery.Client) -> None:
    client.query_and_wait(
        """CREATE TABLE d.made (id STRING NOT NULL OPTIONS(description='the id'), n NUMERIC, at TIMESTAMP,
           items ARRAY<STRUCT<sku STRING, q INT64>>, j JSON)
           PARTITION BY TIMESTAMP_TRUNC(at, MONTH) CLUSTER BY id, n OPTIONS(description='made', labels=[('k', 'v')])"""
    )
    table = client.get_table("d.made")
    assert [(f.name, f.field_type, f.mode, f.description) for f in table.schema] == [
        ("id", "STRING", "REQUIRED", "the id"),
        ("n", "NUMERIC", "NULLABLE", None),
        ("at", "TIMESTAMP", "NULLABLE", None),
        ("items", "RECORD", "REPEATED", None),
        ("j", "JSON", "NULLABLE", None),
    ]
    assert table.time_partitioning.field == "at"
    assert table.time_partitioning.type_ == "MONTH"
    assert (table.clustering_fields, table.description, table.labels) == (["id", "n"], "made", {"k": "v"})
    client.query_and_wait("ALTER TABLE d.made ADD COLUMN more STRING")
    assert [field.name for field in client.get_table("d.made").schema][-1] == "more"
    client.query_and_wait("CREATE TABLE IF NOT EXISTS d.made (other INT64)")
    with pytest.raises(exceptions.Conflict):
        client.query_and_wait("CREATE TABLE d.made (other INT64)")
    client.query_and_wait("CREATE VIEW d.seen OPTIONS(description='v') AS SELECT id FROM d.made")
    assert client.get_table("d.seen").view_query == "SELECT id FROM d.made"
    client.query_and_wait("CREATE OR REPLACE TABLE FUNCTION d.from_id(x STRING) AS SELECT id FROM d.made WHERE id >= x")
    assert rows(client, "SELECT * FROM d.from_id('a')") == []
    client.query_and_wait("CREATE TABLE d.copy LIKE d.made")
    client.query_and_wait("DROP VIEW d.seen; DROP TABLE d.made; DROP TABLE IF EXISTS d.made; DROP TABLE d.copy")
    with pytest.raises(exceptions.NotFound):
        client.get_table("d.made")
    client.query_and_wait("CREATE SCHEMA IF NOT EXISTS fresh; CREATE TABLE fresh.t AS SELECT 1 AS a")
    client.query_and_wait("DROP SCHEMA fresh CASCADE")
    with pytest.raises(exceptions.NotFound):
        client.get_dataset("fresh")


def test_a_script_commits_completely_or_not_at_all(client: bigquery.Client) -> None:
    client.query_and_wait("CREATE OR REPLACE TABLE d.totals AS SELECT 1 AS a")
    script = """
        BEGIN TRANSACTION;
        DELETE FROM d.totals WHERE TRUE;
        INSERT INTO d.totals (a) SELECT {value};
        COMMIT TRANSACTION;
        SELECT a FROM d.totals"""
    with pytest.raises(exceptions.BadRequest):
        client.query_and_wait(script.format(value="CAST('x' AS INT64)"))
    assert rows(client, "SELECT a FROM d.totals") == [(1,)]
    assert rows(client, script.format(value="2")) == [(2,)]
    with pytest.raises(exceptions.BadRequest, match="rolled back"):
        client.query_and_wait("BEGIN TRANSACTION; DELETE FROM d.totals WHERE TRUE")
    assert rows(client, "SELECT a FROM d.totals") == [(2,)]


def test_a_result_is_written_to_a_destination_table(client: bigquery.Client) -> None:
    target = bigquery.TableReference.from_string("local.d.target")
    sql = "SELECT n, JSON '{\"a\": 1}' AS j FROM d.numbers WHERE n <= 3"
    client.query(sql, job_config=bigquery.QueryJobConfig(destination=target)).result()
    assert [field.field_type for field in client.get_table(target).schema] == ["INTEGER", "JSON"]
    with pytest.raises(exceptions.Conflict):
        client.query(sql, job_config=bigquery.QueryJobConfig(destination=target)).result()
    for disposition, expected in (("WRITE_APPEND", 6), ("WRITE_TRUNCATE", 3)):
        config = bigquery.QueryJobConfig(destination=target, write_disposition=disposition)
        client.query(sql, job_config=config).result()
        assert rows(client, "SELECT COUNT(*) FROM d.target") == [(expected,)]
