"""Queries on the emulator through google-cloud-bigquery: pages, dry runs, names, errors, jobs."""

from collections.abc import Iterator

import pytest
from google.api_core import exceptions
from google.cloud import bigquery

from tests.support.numbers_table import client_of_numbers, rows

FIELD = bigquery.SchemaField


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[bigquery.Client]:
    with client_of_numbers(tmp_path_factory.mktemp("emulator")) as client:
        yield client


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


def test_a_dry_run_estimates_and_checks_but_does_not_run(client: bigquery.Client) -> None:
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


def test_a_default_dataset_qualifies_names(client: bigquery.Client) -> None:
    options = {"default_dataset": bigquery.DatasetReference("local", "d")}
    assert rows(client, "WITH few AS (SELECT n FROM numbers WHERE n < 3) SELECT SUM(n) FROM few", **options) == [(3,)]


def test_columns_without_a_name_are_named(client: bigquery.Client) -> None:
    result = client.query_and_wait("SELECT COUNT(*), n.n, 1 FROM d.numbers AS n GROUP BY n.n LIMIT 1")
    assert [field.name for field in result.schema] == ["f0_", "n", "f1_"]


def test_information_schema_lists_columns(client: bigquery.Client) -> None:
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
def test_a_query_error_has_bigquerys_reason(
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
