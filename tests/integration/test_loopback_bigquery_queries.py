"""Queries on the loopback through google-cloud-bigquery: types, parameters, pages, scripts, DML, DDL, errors."""

import datetime
import decimal
from collections.abc import Iterator
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import bigquery

from pipelines.local.client import bigquery_client
from pipelines.local.server import LoopbackBigQuery

FIELD = bigquery.SchemaField
AT = datetime.datetime(2026, 6, 15, 12, 30, 45, 123456, tzinfo=datetime.UTC)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[bigquery.Client]:
    with LoopbackBigQuery(tmp_path_factory.mktemp("loopback") / "warehouse.duckdb") as server:
        client = bigquery_client(server.rest_url)
        client.create_dataset("d")
        client.query_and_wait("CREATE TABLE d.numbers (n INT64 NOT NULL, even BOOL)")
        client.query_and_wait("INSERT INTO d.numbers SELECT n, MOD(n, 2) = 0 FROM UNNEST(GENERATE_ARRAY(1, 1000)) AS n")
        yield client
        client.close()


def rows(client: bigquery.Client, sql: str, **options: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in client.query_and_wait(sql, job_config=bigquery.QueryJobConfig(**options))]


VALUES: dict[str, tuple[bigquery.SchemaField, Any]] = {
    "string": (FIELD("v", "STRING"), "Zoë \U0001f600"),
    "bytes": (FIELD("v", "BYTES"), b"\x00\xff"),
    "integer": (FIELD("v", "INT64"), -(2**63)),
    "float": (FIELD("v", "FLOAT64"), 0.1),
    "infinity": (FIELD("v", "FLOAT64"), float("inf")),
    "boolean": (FIELD("v", "BOOL"), False),
    "numeric": (FIELD("v", "NUMERIC"), decimal.Decimal("-99999999999999999999999999999.999999999")),
    "small numeric": (FIELD("v", "NUMERIC"), decimal.Decimal("0.000000001")),
    "zero": (FIELD("v", "NUMERIC"), decimal.Decimal("0")),
    "timestamp": (FIELD("v", "TIMESTAMP"), AT),
    "early timestamp": (FIELD("v", "TIMESTAMP"), datetime.datetime(1000, 1, 1, tzinfo=datetime.UTC)),
    "last timestamp": (FIELD("v", "TIMESTAMP"), datetime.datetime.max.replace(tzinfo=datetime.UTC)),
    "datetime": (FIELD("v", "DATETIME"), AT.replace(tzinfo=None)),
    "date": (FIELD("v", "DATE"), AT.date()),
    "time": (FIELD("v", "TIME"), AT.time()),
    "json": (FIELD("v", "JSON"), {"a": [1, None, "x"], "b": 1.5}),
    "array": (FIELD("v", "STRING", "REPEATED"), ["a", "b"]),
    "array of numeric": (FIELD("v", "NUMERIC", "REPEATED"), [decimal.Decimal("1.5")]),
    "empty array": (FIELD("v", "INT64", "REPEATED"), []),
    "struct": (
        FIELD("v", "RECORD", fields=[FIELD("a", "INT64"), FIELD("at", "TIMESTAMP"), FIELD("l", "STRING", "REPEATED")]),
        {"a": 1, "at": AT, "l": ["x"]},
    ),
    "array of structs": (
        FIELD("v", "RECORD", "REPEATED", fields=[FIELD("n", "NUMERIC"), FIELD("b", "BYTES")]),
        [{"n": decimal.Decimal("1.5"), "b": b"x"}, {"n": None, "b": None}],
    ),
    "null": (FIELD("v", "TIMESTAMP"), None),
}


@pytest.mark.parametrize(("field", "value"), VALUES.values(), ids=VALUES)
def test_a_value_comes_back_as_it_went_in(client: bigquery.Client, field: bigquery.SchemaField, value: Any) -> None:
    client.delete_table("d.one", not_found_ok=True)
    table = client.create_table(bigquery.Table("local.d.one", [field]))
    assert client.insert_rows(table, [{"v": value}]) == []
    [queried] = client.query_and_wait("SELECT v FROM d.one")
    assert queried.v == value
    [listed] = client.list_rows(table)
    assert listed.v == value
    job = client.query("SELECT * FROM d.one")
    result = job.result()
    assert [(item.field_type, item.mode) for item in result.schema] == [
        (table.schema[0].field_type, field.mode.replace("REQUIRED", "NULLABLE"))
    ]


PARAMETERS = [
    bigquery.ScalarQueryParameter("p", "STRING", "it's"),
    bigquery.ScalarQueryParameter("p", "INT64", 2**40),
    bigquery.ScalarQueryParameter("p", "FLOAT64", 1.25),
    bigquery.ScalarQueryParameter("p", "BOOL", True),
    bigquery.ScalarQueryParameter("p", "NUMERIC", decimal.Decimal("1.000000001")),
    bigquery.ScalarQueryParameter("p", "TIMESTAMP", AT),
    bigquery.ScalarQueryParameter("p", "DATETIME", AT.replace(tzinfo=None)),
    bigquery.ScalarQueryParameter("p", "DATE", AT.date()),
    bigquery.ScalarQueryParameter("p", "BYTES", b"\x00"),
    bigquery.ScalarQueryParameter("p", "STRING", None),
    bigquery.ArrayQueryParameter("p", "STRING", ["a", "b"]),
    bigquery.ArrayQueryParameter("p", "INT64", []),
]


@pytest.mark.parametrize("parameter", PARAMETERS, ids=lambda parameter: str(parameter.to_api_repr()["parameterType"]))
def test_a_parameter_is_bound(client: bigquery.Client, parameter: Any) -> None:
    expected = parameter.values if isinstance(parameter, bigquery.ArrayQueryParameter) else parameter.value
    [(value,)] = rows(client, "SELECT @p AS v", query_parameters=[parameter])
    assert value == expected


def test_parameters_choose_rows(client: bigquery.Client) -> None:
    chosen = [
        bigquery.ScalarQueryParameter("Least", "INT64", 990),
        bigquery.ArrayQueryParameter("these", "INT64", [3, 995]),
    ]
    sql = "SELECT n FROM `local.d.numbers` WHERE n >= @least AND n IN UNNEST(@these)"
    assert rows(client, sql, query_parameters=chosen) == [(995,)]
    with pytest.raises(exceptions.BadRequest, match="'absent' not found"):
        rows(client, "SELECT @absent")


def test_results_come_in_pages(client: bigquery.Client) -> None:
    result = client.query("SELECT n FROM d.numbers ORDER BY n").result(page_size=300)
    assert result.total_rows == 1000
    assert [len(list(page)) for page in result.pages] == [300, 300, 300, 100]
    result = client.query("SELECT n FROM d.numbers ORDER BY n").result(page_size=300, start_index=950)
    assert [row.n for row in result] == list(range(951, 1001))
    assert [len(list(page)) for page in client.list_rows("d.numbers", page_size=400).pages] == [400, 400, 200]
    assert len(list(client.list_rows("d.numbers", max_results=7, start_index=3))) == 7
    assert client.query("SELECT n FROM d.numbers").to_arrow().num_rows == 1000
    [row] = client.list_rows("d.numbers", selected_fields=[FIELD("even", "BOOL")], max_results=1)
    assert row.keys() == {"even": 0}.keys()


def test_a_dry_run_costs_and_checks_but_does_not_run(client: bigquery.Client) -> None:
    config = bigquery.QueryJobConfig(dry_run=True)
    all_columns = client.query("SELECT * FROM d.numbers", job_config=config)
    one_column = client.query("SELECT n FROM d.numbers", job_config=config)
    assert all_columns.total_bytes_processed == 9000
    assert one_column.total_bytes_processed == 8000
    assert [field.name for field in all_columns.schema] == ["n", "even"]
    client.query("DELETE FROM d.numbers WHERE TRUE", job_config=config)
    assert rows(client, "SELECT COUNT(*) FROM d.numbers") == [(1000,)]
    with pytest.raises(exceptions.BadRequest):
        client.query("SELECT absent FROM d.numbers", job_config=config).result()


def test_a_default_dataset_completes_names(client: bigquery.Client) -> None:
    options = {"default_dataset": bigquery.DatasetReference("local", "d")}
    assert rows(client, "WITH few AS (SELECT n FROM numbers WHERE n < 3) SELECT SUM(n) FROM few", **options) == [(3,)]


def test_columns_without_a_name_are_named(client: bigquery.Client) -> None:
    result = client.query_and_wait("SELECT COUNT(*), n.n, 1 FROM d.numbers AS n GROUP BY n.n LIMIT 1")
    assert [field.name for field in result.schema] == ["f0_", "n", "f1_"]


def test_dml_says_how_many_rows_it_changed(client: bigquery.Client) -> None:
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


def test_ddl_keeps_the_catalog_in_step(client: bigquery.Client) -> None:
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


def test_a_script_commits_whole_or_not_at_all(client: bigquery.Client) -> None:
    client.query_and_wait("CREATE OR REPLACE TABLE d.ledger AS SELECT 1 AS a")
    script = """
        BEGIN TRANSACTION;
        DELETE FROM d.ledger WHERE TRUE;
        INSERT INTO d.ledger (a) SELECT {value};
        COMMIT TRANSACTION;
        SELECT a FROM d.ledger"""
    with pytest.raises(exceptions.BadRequest):
        client.query_and_wait(script.format(value="CAST('x' AS INT64)"))
    assert rows(client, "SELECT a FROM d.ledger") == [(1,)]
    assert rows(client, script.format(value="2")) == [(2,)]
    with pytest.raises(exceptions.BadRequest, match="rolled back"):
        client.query_and_wait("BEGIN TRANSACTION; DELETE FROM d.ledger WHERE TRUE")
    assert rows(client, "SELECT a FROM d.ledger") == [(2,)]


def test_a_result_can_go_into_a_table(client: bigquery.Client) -> None:
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


def test_what_exists_can_be_queried(client: bigquery.Client) -> None:
    sql = "SELECT column_name FROM d.INFORMATION_SCHEMA.COLUMNS WHERE table_name = 'numbers' ORDER BY ordinal_position"
    assert rows(client, sql) == [("n",), ("even",)]


@pytest.mark.parametrize(
    ("sql", "reason", "error"),
    [
        ("SELECT", "invalidQuery", exceptions.BadRequest),
        ("SELECT absent FROM d.numbers", "invalidQuery", exceptions.BadRequest),
        ("SELECT CAST('x' AS INT64)", "invalidQuery", exceptions.BadRequest),
        ("INSERT INTO d.numbers (n) VALUES (NULL)", "invalidQuery", exceptions.BadRequest),
        ("SELECT * FROM d.absent", "notFound", exceptions.NotFound),
        ("DECLARE x INT64", "invalidQuery", exceptions.BadRequest),
        ("SELECT * FROM connection", "invalidQuery", exceptions.BadRequest),
    ],
    ids=["syntax", "column", "value", "required", "table", "unsupported", "python variable"],
)
def test_an_error_of_the_query_says_what_is_wrong(
    client: bigquery.Client, sql: str, reason: str, error: type[exceptions.GoogleAPICallError]
) -> None:
    with pytest.raises(error) as waited:
        client.query_and_wait(sql)
    assert waited.value.errors[0]["reason"] == reason
    with pytest.raises(error):
        client.query(sql).result()


def test_jobs_are_kept(client: bigquery.Client) -> None:
    job = client.query("SELECT 1 AS a", job_id="named-job")
    assert [row.a for row in job.result()] == [1]
    assert client.get_job("named-job").state == "DONE"
    assert "named-job" in {job.job_id for job in client.list_jobs(max_results=5)}
    with pytest.raises(exceptions.Conflict):
        client.query("SELECT 1 AS a", job_id="named-job", job_retry=None)
