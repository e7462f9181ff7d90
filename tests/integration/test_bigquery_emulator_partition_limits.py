"""How far back and ahead rows may be streamed into partitions, and by which ways all partitions are reached."""

import datetime
from collections.abc import Iterator

import pyarrow as pa
import pytest
from google.api_core import exceptions
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import BigQueryWriteClient, types

from pipelines.bigquery_emulator.client import bigquery_client
from pipelines.bigquery_emulator.server import BigQueryEmulator
from tests.support.storage_write import answers, append, commit, pending, request, write_client

COLUMNS = {"at": pa.timestamp("us", "UTC"), "clock": pa.timestamp("us"), "day": pa.date32()}
TYPES = {"at": "TIMESTAMP", "clock": "DATETIME", "day": "DATE"}
PAST, FUTURE = -1825, 366  # days
DAY = datetime.timedelta(days=1)


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[bigquery.Client, BigQueryWriteClient]]:
    folder = tmp_path_factory.mktemp("emulator")
    with BigQueryEmulator(folder / "w.duckdb") as server, bigquery_client(server.rest_url) as rest:
        rest.create_dataset("d")
        for column, type_ in TYPES.items():
            for unit in ("DAY", "MONTH"):
                made = bigquery.Table(f"local.d.{column}_{unit}", [bigquery.SchemaField(column, type_)])
                made.time_partitioning = bigquery.TimePartitioning(unit, field=column)
                rest.create_table(made)
        rest.create_table(bigquery.Table("local.d.plain", [bigquery.SchemaField("at", "TIMESTAMP")]))
        yield rest, write_client(server.grpc_target)


def at(column: str, days: int) -> datetime.date:
    """Return the value of a column this many days from now: its first or last moment, whichever is nearer the edge."""
    day = datetime.datetime.now(datetime.UTC).date() + days * DAY
    if column == "day":
        return day
    clock = datetime.time.min if days < 0 else datetime.time.max
    return datetime.datetime.combine(day, clock, datetime.UTC if column == "at" else None)


def rows_of(client: bigquery.Client, table: str) -> int:
    return int(next(iter(client.query_and_wait(f"SELECT COUNT(*) AS n FROM d.{table}"))).n)


@pytest.mark.parametrize("unit", ["DAY", "MONTH"])
@pytest.mark.parametrize("column", TYPES)
@pytest.mark.parametrize("kind", ["default", "committed"])
def test_streams_reach_1825_days_back_and_366_ahead(
    clients: tuple[bigquery.Client, BigQueryWriteClient], kind: str, column: str, unit: str
) -> None:
    rest, write = clients
    path, schema = f"projects/local/datasets/d/tables/{column}_{unit}", pa.schema([(column, COLUMNS[column])])
    before = rows_of(rest, f"{column}_{unit}")
    name = f"{path}/streams/_default"
    if kind == "committed":
        wanted = types.WriteStream(type_=types.WriteStream.Type.COMMITTED)
        name = write.create_write_stream(parent=path, write_stream=wanted).name
    inside = [{column: at(column, PAST)}, {column: at(column, FUTURE)}, {column: None}]
    assert not append(write, name, inside, schema).error.code
    rows = [inside[0], {column: at(column, PAST - 1)}, inside[1], {column: at(column, FUTURE + 1)}]
    answer = append(write, name, rows, schema)
    assert answer.error.code == 3
    assert [error.index for error in answer.row_errors] == [1, 3]
    assert "within 1825 days in the past and 366 days in the future" in answer.row_errors[0].message
    assert f"partition column {column} of the destination table" in answer.row_errors[0].message
    assert rows_of(rest, f"{column}_{unit}") == before + 3, "a request with a rejected row writes none"


def test_insert_all_has_the_same_limits(clients: tuple[bigquery.Client, BigQueryWriteClient]) -> None:
    rest, _ = clients
    before = rows_of(rest, "at_DAY")
    rows = [{"at": at("at", days).isoformat()} for days in (PAST, PAST - 1, FUTURE, FUTURE + 1)] + [{"at": None}]
    errors = rest.insert_rows_json("local.d.at_DAY", rows, skip_invalid_rows=True)
    assert [error["index"] for error in errors] == [1, 3]
    assert {(item["reason"], item["location"]) for error in errors for item in error["errors"]} == {("invalid", "at")}
    assert "outside the allowed bounds" in errors[0]["errors"][0]["message"]
    assert rows_of(rest, "at_DAY") == before + 3


def test_batches_and_statements_reach_every_partition(clients: tuple[bigquery.Client, BigQueryWriteClient]) -> None:
    rest, write = clients
    path, schema = "projects/local/datasets/d/tables/at_DAY", pa.schema([("at", COLUMNS["at"])])
    before = rows_of(rest, "at_DAY")
    old = [{"at": datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)}, {"at": at("at", FUTURE + 900)}]
    name = pending(write, path)
    [answer] = answers(write, [request(name, old, schema)])
    assert not answer.error.code
    write.finalize_write_stream(name=name)
    assert not commit(write, path, [name]).stream_errors
    config = bigquery.LoadJobConfig(schema=[bigquery.SchemaField("at", "TIMESTAMP")])
    rest.load_table_from_json([{"at": "2000-01-01T00:00:00Z"}], "local.d.at_DAY", job_config=config).result()
    rest.query_and_wait("INSERT INTO d.at_DAY (at) VALUES (TIMESTAMP '2000-01-01')")
    assert rows_of(rest, "at_DAY") == before + 4


def test_a_table_without_partitions_accepts_any_time(clients: tuple[bigquery.Client, BigQueryWriteClient]) -> None:
    rest, write = clients
    schema = pa.schema([("at", COLUMNS["at"])])
    old = [{"at": datetime.datetime(1, 1, 1, tzinfo=datetime.UTC)}]
    assert not append(write, "projects/local/datasets/d/tables/plain/streams/_default", old, schema).error.code
    with pytest.raises(exceptions.NotFound):
        rest.get_table("d.absent", retry=None)
