"""Where DuckDB differs from BigQuery and the emulator does as BigQuery: copies of tables, text of numbers, NULL arrays."""

from collections.abc import Iterator
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import bigquery

from pipelines.bigquery_emulator.client import bigquery_client
from pipelines.bigquery_emulator.server import BigQueryEmulator
from tests.support.number_examples import LARGEST, SUMS, TEXTS, WIDE, wide_sum

MADE = """
    CREATE TABLE d.made (id STRING NOT NULL OPTIONS(description='the id'), at TIMESTAMP, tags ARRAY<STRING>)
    PARTITION BY TIMESTAMP_TRUNC(at, MONTH) CLUSTER BY id
    OPTIONS(description='made', labels=[('k', 'v')], partition_expiration_days=3, require_partition_filter=true)"""


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[bigquery.Client]:
    folder = tmp_path_factory.mktemp("emulator")
    with BigQueryEmulator(folder / "w.duckdb") as server, bigquery_client(server.rest_url) as client:
        client.query_and_wait("CREATE SCHEMA d")
        client.query_and_wait(MADE)
        client.query_and_wait("INSERT INTO d.made VALUES ('a', TIMESTAMP '2026-06-15', ['x'])")
        yield client


def rows(client: bigquery.Client, sql: str) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in client.query_and_wait(sql)]


def described(client: bigquery.Client, name: str) -> dict[str, Any]:
    """Return what a copy of a table shares with it."""
    own = ("id", "tableReference", "creationTime", "lastModifiedTime", "etag", "numRows", "numBytes", "selfLink")
    return {key: value for key, value in client.get_table(name).to_api_repr().items() if key not in own}


@pytest.mark.parametrize(("word", "copied"), [("LIKE", 0), ("COPY", 1), ("CLONE", 1)])
def test_a_table_like_another_keeps_partitions_clusters_and_descriptions(
    client: bigquery.Client, word: str, copied: int
) -> None:
    client.query_and_wait(f"CREATE OR REPLACE TABLE d.other {word} d.made")
    original = described(client, "d.made")
    assert described(client, "d.other") == original
    assert original["timePartitioning"] == {"type": "MONTH", "field": "at", "expirationMs": "259200000"}
    assert original["clustering"] == {"fields": ["id"]}
    assert original["requirePartitionFilter"] is True
    assert [field["mode"] for field in original["schema"]["fields"]] == ["REQUIRED", "NULLABLE", "REPEATED"]
    assert rows(client, "SELECT COUNT(*) FROM d.other") == [(copied,)]
    with pytest.raises(exceptions.BadRequest):
        client.query_and_wait("INSERT INTO d.other (id) VALUES (NULL)")


def test_options_of_the_statement_win_over_those_of_the_original(client: bigquery.Client) -> None:
    client.query_and_wait("CREATE OR REPLACE TABLE d.other LIKE d.made OPTIONS(description='other')")
    assert client.get_table("d.other").description == "other"
    assert client.get_table("d.other").clustering_fields == ["id"]
    client.query_and_wait("CREATE OR REPLACE TABLE d.filled LIKE d.made AS SELECT * FROM d.made")
    assert rows(client, "SELECT id, tags FROM d.filled") == [("a", ["x"])]
    with pytest.raises(exceptions.NotFound):
        client.query_and_wait("CREATE TABLE d.more LIKE d.absent")


def test_a_table_of_columns_and_a_query_has_both(client: bigquery.Client) -> None:
    client.query_and_wait("CREATE TABLE d.both (n NUMERIC NOT NULL, s STRING) AS SELECT 1, 'x'")
    assert [(field.name, field.field_type, field.mode) for field in client.get_table("d.both").schema] == [
        ("n", "NUMERIC", "REQUIRED"),
        ("s", "STRING", "NULLABLE"),
    ]
    assert rows(client, "SELECT CAST(n AS STRING), s FROM d.both") == [("1", "x")]


@pytest.mark.parametrize(("expression", "text"), TEXTS, ids=[expression for expression, _ in TEXTS])
def test_a_number_as_text_has_no_zeros_at_its_end(client: bigquery.Client, expression: str, text: str | None) -> None:
    assert rows(client, f"SELECT {expression}") == [(text,)]


def test_null_for_a_repeated_column_is_an_empty_array(client: bigquery.Client) -> None:
    client.query_and_wait("CREATE TABLE d.lists (id INT64, tags ARRAY<STRING>, more ARRAY<STRUCT<q INT64>>)")
    for statement in (
        "INSERT INTO d.lists VALUES (1, NULL, NULL)",
        "INSERT INTO d.lists (id) VALUES (2)",
        "INSERT INTO d.lists (tags, id) VALUES (NULL, 3), (['x'], 4)",
        "INSERT INTO d.lists (id, tags) SELECT 5, CAST(NULL AS ARRAY<STRING>)",
        "INSERT INTO d.lists (id, tags) VALUES (6, ['y'])",
        "UPDATE d.lists SET tags = NULL WHERE id = 6",
        """MERGE d.lists T USING (SELECT 4 AS id UNION ALL SELECT 7) S ON T.id = S.id
           WHEN MATCHED THEN UPDATE SET tags = NULL WHEN NOT MATCHED THEN INSERT (id, tags) VALUES (S.id, NULL)""",
    ):
        client.query_and_wait(statement)
    sql = "SELECT id, ARRAY_LENGTH(tags), ARRAY_LENGTH(more), tags IS NULL FROM d.lists ORDER BY id"
    assert rows(client, sql) == [(number, 0, 0, False) for number in range(1, 8)]
    client.query_and_wait("CREATE TABLE d.selected AS SELECT 1 AS id, CAST(NULL AS ARRAY<STRING>) AS tags")
    client.query_and_wait("INSERT INTO d.selected (id) VALUES (2)")
    assert rows(client, "SELECT ARRAY_LENGTH(tags) FROM d.selected") == [(0,), (0,)]
    assert not client.insert_rows_json("local.d.lists", [{"id": 8}, {"id": 9, "tags": None}])
    assert rows(client, "SELECT ARRAY_LENGTH(tags) FROM d.lists WHERE id >= 8") == [(0,), (0,)]


NAMES = {
    "INT64": "INTEGER",
    "INTEGER": "INTEGER",
    "FLOAT64": "FLOAT",
    "FLOAT": "FLOAT",
    "BOOL": "BOOLEAN",
    "BOOLEAN": "BOOLEAN",
    "DECIMAL": "NUMERIC",
    "BIGDECIMAL": "BIGNUMERIC",
    "STRING": "STRING",
    "TIMESTAMP": "TIMESTAMP",
    "JSON": "JSON",
}


def test_types_have_the_names_of_the_rest_api_whichever_name_was_sent(client: bigquery.Client) -> None:
    """The REST reference of TableFieldSchema lists both names; BigQuery answers with the older ones."""
    fields = [bigquery.SchemaField(f"c_{name}", name) for name in NAMES]
    client.create_table(bigquery.Table("local.d.names", [*fields, bigquery.SchemaField("r", "STRUCT", fields=fields)]))
    schema = client.get_table("d.names").to_api_repr()["schema"]["fields"]
    assert [field["type"] for field in schema] == [*NAMES.values(), "RECORD"]
    assert [field["type"] for field in schema[-1]["fields"]] == list(NAMES.values())
    for sql in ("SELECT * EXCEPT (r) FROM d.names", "SELECT r.* FROM d.names"):
        answer = client._connection.api_request(
            "POST", "/projects/local/queries", data={"query": sql, "useLegacySql": False}
        )
        assert [field["type"] for field in answer["schema"]["fields"]] == list(NAMES.values())
    columns = ", ".join(f"c_{name} {name}" for name in NAMES if name not in ("FLOAT", "INTEGER", "BOOLEAN"))
    client.query_and_wait(f"CREATE TABLE d.by_sql ({columns})")
    expected = [legacy for name, legacy in NAMES.items() if name not in ("FLOAT", "INTEGER", "BOOLEAN")]
    assert [field["type"] for field in client.get_table("d.by_sql").to_api_repr()["schema"]["fields"]] == expected


def test_information_schema_has_the_names_of_sql(client: bigquery.Client) -> None:
    client.query_and_wait("CREATE TABLE d.types (i INT64, f FLOAT64, b BOOL, n NUMERIC, t TIMESTAMP, l ARRAY<STRING>)")
    sql = "SELECT data_type FROM d.INFORMATION_SCHEMA.COLUMNS WHERE table_name = 'types' ORDER BY ordinal_position"
    expected = ["INT64", "FLOAT64", "BOOL", "NUMERIC", "TIMESTAMP", "ARRAY<STRING>"]
    assert [type_ for (type_,) in rows(client, sql)] == expected


@pytest.mark.parametrize(("numbers", "total"), SUMS, ids=[" + ".join(numbers) or "none" for numbers, _ in SUMS])
def test_a_wide_sum_is_exact_and_null_beyond_numeric(
    client: bigquery.Client, numbers: list[str], total: str | None
) -> None:
    assert rows(client, f"SELECT {wide_sum(numbers)}") == [(total,)]


def test_only_the_group_that_overflows_is_null(client: bigquery.Client) -> None:
    groups = f"""
        SELECT 'a' AS k, NUMERIC '{LARGEST}' AS x UNION ALL SELECT 'a', NUMERIC '{LARGEST}'
        UNION ALL SELECT 'b', NUMERIC '1.5' UNION ALL SELECT 'b', NULL UNION ALL SELECT 'c', NULL"""
    sql = f"SELECT k, CAST({WIDE} AS STRING) FROM ({groups}) GROUP BY k ORDER BY k"
    assert rows(client, sql) == [("a", None), ("b", "1.5"), ("c", None)]


@pytest.mark.parametrize(
    "expression",
    [
        "SUM(x)",
        "CAST(SUM(CAST(x AS BIGNUMERIC)) AS NUMERIC)",
        "MAX(x) + MAX(x)",
        "MAX(x) * 2",
        "SUM(i)",
        "MAX(i) + 1",
        "MAX(i) * 2",
        "CAST('1e29' AS NUMERIC)",
    ],
)
def test_an_overflow_is_an_error_unless_it_is_safe(client: bigquery.Client, expression: str) -> None:
    source = f"UNNEST([STRUCT(NUMERIC '{LARGEST}' AS x, 9223372036854775807 AS i), (NUMERIC '{LARGEST}', 1)])"
    with pytest.raises(exceptions.BadRequest) as raised:
        client.query_and_wait(f"SELECT {expression} FROM {source}")
    assert raised.value.errors[0]["reason"] == "invalidQuery"


def test_a_safe_cast_of_a_sum_to_int64_is_null_beyond_it(client: bigquery.Client) -> None:
    sql = "SELECT SAFE_CAST(SUM(CAST(i AS NUMERIC)) AS INT64) FROM UNNEST([9223372036854775807, {}]) AS i"
    assert rows(client, sql.format(1)) == [(None,)]
    assert rows(client, sql.format(-7)) == [(9223372036854775800,)]
