"""The emulator's REST API through google-cloud-bigquery: datasets, tables, views, routines, and what they keep."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from google.api_core import exceptions
from google.cloud import bigquery

from pipelines.bigquery_emulator.client import bigquery_client
from pipelines.bigquery_emulator.server import BigQueryEmulator

FIELD = bigquery.SchemaField


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[bigquery.Client]:
    with BigQueryEmulator(tmp_path_factory.mktemp("emulator") / "warehouse.duckdb") as server:
        client = bigquery_client(server.rest_url)
        client.create_dataset("d")
        yield client
        client.close()


def make(client: bigquery.Client, name: str, *fields: bigquery.SchemaField) -> bigquery.Table:
    return client.create_table(bigquery.Table(f"local.d.{name}", fields or [FIELD("a", "INT64")]))


def test_datasets_are_created_and_deleted(client: bigquery.Client) -> None:
    made = bigquery.Dataset("local.other")
    made.description, made.labels = "what it is", {"team": "x"}
    client.create_dataset(made)
    assert client.get_dataset("other").description == "what it is"
    known = client.get_dataset("other")
    known.description, known.labels = "new", {"team": None, "more": "y"}
    assert client.update_dataset(known, ["description", "labels"]).labels == {"more": "y"}
    assert {item.dataset_id for item in client.list_datasets()} == {"d", "other"}
    client.create_table(bigquery.Table("local.other.t", [FIELD("a", "INT64")]))
    with pytest.raises(exceptions.BadRequest, match="still in use"):
        client.delete_dataset("other")
    client.delete_dataset("other", delete_contents=True)
    assert [item.dataset_id for item in client.list_datasets()] == ["d"]


def test_a_table_keeps_its_resource(client: bigquery.Client) -> None:
    tags = bigquery.PolicyTagList(["projects/p/locations/eu/taxonomies/1/policyTags/2"])
    table = bigquery.Table(
        "local.d.whole",
        [
            FIELD("id", "STRING", "REQUIRED", description="the id"),
            FIELD("email", "STRING", policy_tags=tags),
            FIELD("at", "TIMESTAMP"),
            FIELD("items", "RECORD", "REPEATED", fields=[FIELD("n", "NUMERIC"), FIELD("q", "INTEGER", "REQUIRED")]),
        ],
    )
    table.description, table.labels, table.clustering_fields = "all of it", {"a": "b"}, ["id"]
    table.time_partitioning = bigquery.TimePartitioning(field="at", type_="MONTH", expiration_ms=86_400_000)
    table.require_partition_filter = True
    client.create_table(table)
    known = client.get_table("d.whole")
    assert known.to_api_repr()["schema"] == table.to_api_repr()["schema"]
    assert known.description == "all of it"
    assert known.labels == {"a": "b"}
    assert known.clustering_fields == ["id"]
    assert known.time_partitioning == table.time_partitioning
    assert known.require_partition_filter
    assert known.num_rows == 0
    assert known.table_type == "TABLE"
    assert known.etag
    known.description, known.labels = "changed", {"a": None}
    client.update_table(known, ["description", "labels"])
    again = client.get_table("d.whole")
    assert (again.description, again.labels, again.clustering_fields) == ("changed", {}, ["id"])
    assert again.etag != known.etag


def test_tables_are_listed_in_pages(client: bigquery.Client) -> None:
    client.create_dataset("pages")
    for number in range(5):
        client.create_table(bigquery.Table(f"local.pages.t{number}", [FIELD("a", "INT64")]))
    listed = client.list_tables("pages", page_size=2)
    assert [len(list(page)) for page in listed.pages] == [2, 2, 1]
    assert [table.table_id for table in client.list_tables("pages")] == [f"t{number}" for number in range(5)]


def test_missing_and_existing_names_are_errors_as_in_bigquery(client: bigquery.Client) -> None:
    make(client, "here")
    with pytest.raises(exceptions.Conflict) as conflict:
        make(client, "here")
    assert conflict.value.errors[0]["reason"] == "duplicate"
    with pytest.raises(exceptions.NotFound) as missing:
        client.get_table("d.absent")
    assert missing.value.errors[0]["reason"] == "notFound"
    with pytest.raises(exceptions.NotFound):
        client.create_table(bigquery.Table("local.absent.t", [FIELD("a", "INT64")]))
    with pytest.raises(exceptions.NotFound):
        client.get_job("absent")
    assert client.create_table(bigquery.Table("local.d.here", [FIELD("a", "INT64")]), exists_ok=True)
    client.delete_table("d.absent", not_found_ok=True)
    client.delete_table("d.here")
    with pytest.raises(exceptions.NotFound):
        client.get_table("d.here")


def test_nullable_columns_can_be_added(client: bigquery.Client) -> None:
    table = make(client, "grows", FIELD("a", "INT64", "REQUIRED"))
    client.query_and_wait("INSERT INTO d.grows (a) VALUES (1)")
    table.schema = [FIELD("a", "INT64", description="relaxed"), FIELD("b", "NUMERIC"), FIELD("c", "STRING", "REPEATED")]
    client.update_table(table, ["schema"])
    client.query_and_wait("INSERT INTO d.grows (b) VALUES (NUMERIC '1.5')")
    rows = {tuple(map(str, row.values())) for row in client.list_rows("d.grows")}
    assert rows == {("1", "None", "[]"), ("None", "1.5", "[]")}
    assert client.get_table("d.grows").schema[0].description == "relaxed"


@pytest.mark.parametrize(
    "fields",
    [
        [FIELD("b", "STRING")],
        [FIELD("a", "STRING"), FIELD("b", "STRING")],
        [FIELD("a", "INT64", "REQUIRED"), FIELD("b", "STRING")],
        [FIELD("a", "INT64", "REPEATED"), FIELD("b", "STRING")],
        [FIELD("a", "INT64"), FIELD("b", "STRING"), FIELD("c", "INT64", "REQUIRED")],
    ],
    ids=["dropped", "other type", "required", "repeated", "required added"],
)
def test_other_schema_changes_are_rejected(client: bigquery.Client, fields: list[bigquery.SchemaField]) -> None:
    client.delete_table("d.fixed", not_found_ok=True)
    table = make(client, "fixed", FIELD("a", "INT64"), FIELD("b", "STRING"))
    table.schema = fields
    with pytest.raises(exceptions.BadRequest, match="Provided Schema does not match"):
        client.update_table(table, ["schema"])
    assert [field.name for field in client.get_table("d.fixed").schema] == ["a", "b"]


def test_a_table_without_a_schema_gets_one_later(client: bigquery.Client) -> None:
    table = client.create_table(bigquery.Table("local.d.bare"))
    assert table.schema == []
    table.schema = [FIELD("a", "INT64")]
    client.update_table(table, ["schema"])
    client.query_and_wait("INSERT INTO d.bare (a) VALUES (1)")
    assert [tuple(row) for row in client.list_rows("d.bare")] == [(1,)]


def test_an_update_with_a_stale_etag_is_rejected(client: bigquery.Client) -> None:
    table = make(client, "raced")
    other = client.get_table("d.raced")
    other.description = "first"
    client.update_table(other, ["description"])
    table.description = "second"
    with pytest.raises(exceptions.PreconditionFailed):
        client.update_table(table, ["description"])


def test_a_view_keeps_its_googlesql_and_follows_its_table(client: bigquery.Client) -> None:
    make(client, "base", FIELD("id", "STRING"), FIELD("at", "TIMESTAMP"), FIELD("n", "NUMERIC"))
    view = bigquery.Table("local.d.latest")
    view.view_query = """
        SELECT id, n, DATE(at) AS day FROM `local.d.base` WHERE TRUE
        QUALIFY ROW_NUMBER() OVER (PARTITION BY id ORDER BY at DESC) = 1"""
    view.description = "newest of each"
    view.schema = [FIELD("id", "STRING", description="the id"), FIELD("n", "NUMERIC"), FIELD("day", "DATE")]
    client.create_table(view)
    client.query_and_wait(
        """INSERT INTO d.base VALUES ('a', TIMESTAMP '2026-06-15 23:59:59', NUMERIC '1'),
           ('a', TIMESTAMP '2026-06-16', NUMERIC '2'), ('b', TIMESTAMP '2026-06-15 00:00:00', NULL)"""
    )
    rows = [tuple(map(str, row.values())) for row in client.query_and_wait("SELECT * FROM d.latest ORDER BY id")]
    assert rows == [("a", "2", "2026-06-16"), ("b", "None", "2026-06-15")]
    known = client.get_table("d.latest")
    assert known.table_type == "VIEW"
    assert known.view_query == view.view_query
    assert [(field.name, field.field_type, field.description) for field in known.schema] == [
        ("id", "STRING", "the id"),
        ("n", "NUMERIC", None),
        ("day", "DATE", None),
    ]
    known.view_query = "SELECT id FROM d.base"
    client.update_table(known, ["view_query"])
    assert [row.n for row in client.query_and_wait("SELECT COUNT(*) AS n FROM d.latest")] == [3]
    client.delete_table("d.latest")
    assert "latest" not in {table.table_id for table in client.list_tables("d")}


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("SELECT * FROM d.nowhere", exceptions.NotFound),
        ("SELECT nothing FROM d.base_of_bad", exceptions.BadRequest),
        ("SELEC 1", exceptions.BadRequest),
        ("SELECT 1 AS a; SELECT 2 AS a", exceptions.BadRequest),
    ],
    ids=["absent table", "absent column", "syntax", "two statements"],
)
def test_an_invalid_view_is_rejected(client: bigquery.Client, query: str, error: type[Exception]) -> None:
    client.create_table(bigquery.Table("local.d.base_of_bad", [FIELD("a", "INT64")]), exists_ok=True)
    view = bigquery.Table("local.d.bad")
    view.view_query = query
    with pytest.raises(error):
        client.create_table(view)
    with pytest.raises(exceptions.NotFound):
        client.get_table("d.bad")


def test_a_table_function_has_arguments(client: bigquery.Client) -> None:
    make(client, "numbers")
    client.query_and_wait("INSERT INTO d.numbers VALUES (1), (2), (3)")
    routine = bigquery.Routine(
        "local.d.above",
        type_="TABLE_VALUED_FUNCTION",
        language="SQL",
        body="SELECT a FROM `local.d.numbers` WHERE a > least_one",
        description="those above",
        arguments=[
            bigquery.RoutineArgument(
                name="least_one", data_type=bigquery.StandardSqlDataType(bigquery.StandardSqlTypeNames.INT64)
            )
        ],
    )
    client.create_routine(routine)
    config = bigquery.QueryJobConfig(query_parameters=[bigquery.ScalarQueryParameter("least", "INT64", 1)])
    for name in ("d.above", "`local.d.above`", "`local`.d.above"):
        rows = client.query_and_wait(f"SELECT a FROM {name}(@least) ORDER BY a", job_config=config)
        assert [row.a for row in rows] == [2, 3]
    assert client.get_routine("d.above").description == "those above"
    assert [item.routine_id for item in client.list_routines("d")] == ["above"]
    known = client.get_routine("d.above")
    known.body = "SELECT a FROM d.numbers WHERE a >= least_one"
    client.update_routine(known, ["body"])
    assert len(list(client.query_and_wait("SELECT a FROM d.above(1)"))) == 3
    with pytest.raises(exceptions.Conflict):
        client.create_routine(routine)
    client.delete_routine("d.above")
    with pytest.raises(exceptions.NotFound):
        client.get_routine("d.above")


def test_the_catalog_survives_a_restart(tmp_path: Path) -> None:
    with BigQueryEmulator(tmp_path / "w.duckdb") as server:
        first = bigquery_client(server.rest_url)
        first.create_dataset("d")
        make(first, "t", FIELD("a", "INT64", "REQUIRED", description="kept"))
        first.close()
    with BigQueryEmulator(tmp_path / "w.duckdb") as server:
        second = bigquery_client(server.rest_url)
        assert second.get_table("d.t").schema == [FIELD("a", "INTEGER", "REQUIRED", description="kept")]
        second.close()
