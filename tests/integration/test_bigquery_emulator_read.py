"""The Storage Read API of the emulator: to_arrow and to_dataframe of tables and query results, through Google's clients."""

import datetime
import decimal
import json
from collections.abc import Iterator

import apache_beam as beam
import pyarrow as pa
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that, equal_to
from google.api_core import exceptions
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import BigQueryReadClient, types

from pipelines.bigquery_emulator.access_token import split_token
from pipelines.bigquery_emulator.beam_endpoint import point_beam_at
from pipelines.bigquery_emulator.client import bigquery_client, read_client
from pipelines.bigquery_emulator.server import BigQueryEmulator

SELECT = """
    SELECT n, CONCAT('s', CAST(n AS STRING)) AS s, n / 2 AS f, MOD(n, 2) = 0 AS b, CAST(n AS NUMERIC) AS m,
           CAST(n AS BIGNUMERIC) AS big, TIMESTAMP_SECONDS(n) AS ts, DATE '2026-06-15' AS d, TIME '12:00:00' AS t,
           DATETIME '2026-06-15 12:00:00' AS dt, JSON '{{"a": 1}}' AS j, [n, n + 1] AS l, STRUCT(n AS x, 'y' AS y) AS r,
           b'x' AS bytes, [STRUCT(n AS q)] AS lr, CAST(NULL AS STRING) AS nothing
    FROM UNNEST(GENERATE_ARRAY(1, {rows})) AS n"""
SCHEMA = pa.schema(
    [
        ("n", pa.int64()),
        ("s", pa.string()),
        ("f", pa.float64()),
        ("b", pa.bool_()),
        ("m", pa.decimal128(38, 9)),
        ("big", pa.decimal256(76, 38)),
        ("ts", pa.timestamp("us", "UTC")),
        ("d", pa.date32()),
        ("t", pa.time64("us")),
        ("dt", pa.timestamp("us")),
        ("j", pa.string()),
        ("l", pa.list_(pa.int64())),
        ("r", pa.struct([("x", pa.int64()), ("y", pa.string())])),
        ("bytes", pa.binary()),
        ("lr", pa.list_(pa.struct([("q", pa.int64())]))),
        ("nothing", pa.string()),
    ]
)
ROWS = 20_000
TABLE = "projects/local/datasets/d/tables/t"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BigQueryEmulator]:
    folder = tmp_path_factory.mktemp("emulator")
    with BigQueryEmulator(folder / "w.duckdb") as server, bigquery_client(server.rest_url) as client:
        client.query_and_wait("CREATE SCHEMA d")
        client.query_and_wait(f"CREATE TABLE d.t AS {SELECT.format(rows=ROWS)}")
        client.query_and_wait("CREATE TABLE d.empty AS SELECT 1 AS n FROM d.t WHERE FALSE")
        client.query_and_wait("CREATE VIEW d.v AS SELECT n FROM d.t WHERE n <= 5")
        yield server


@pytest.fixture
def client(server: BigQueryEmulator) -> Iterator[bigquery.Client]:
    with bigquery_client(server.rest_url, grpc_target=server.grpc_target) as client:
        yield client


@pytest.fixture
def read(server: BigQueryEmulator) -> BigQueryReadClient:
    return read_client(server.grpc_target)


def session(read: BigQueryReadClient, table: str = TABLE, **options: object) -> types.ReadSession:
    wanted = types.ReadSession(table=table, data_format=types.DataFormat.ARROW, read_options=options)
    return read.create_read_session(parent="projects/local", read_session=wanted, max_stream_count=4)


def rows_of(read: BigQueryReadClient, opened: types.ReadSession) -> pa.Table:
    [stream] = opened.streams
    return read.read_rows(stream.name).to_arrow(opened)


def test_a_table_is_read_with_bigquery_s_arrow_types(read: BigQueryReadClient) -> None:
    opened = session(read)
    assert opened.estimated_row_count == ROWS
    table = rows_of(read, opened)
    assert table.schema.equals(SCHEMA)
    assert table.column("n").to_pylist() == list(range(1, ROWS + 1)), "in the order of the table's rows"
    [row] = table.slice(4, 1).to_pylist()
    assert json.loads(row.pop("j")) == {"a": 1}
    assert [row] == [
        {
            "n": 5,
            "s": "s5",
            "f": 2.5,
            "b": False,
            "m": decimal.Decimal(5),
            "big": decimal.Decimal(5),
            "ts": datetime.datetime(1970, 1, 1, 0, 0, 5, tzinfo=datetime.UTC),
            "d": datetime.date(2026, 6, 15),
            "t": datetime.time(12),
            "dt": datetime.datetime(2026, 6, 15, 12),
            "l": [5, 6],
            "r": {"x": 5, "y": "y"},
            "bytes": b"x",
            "lr": [{"q": 5}],
            "nothing": None,
        }
    ]


def test_columns_and_rows_are_chosen_by_the_session(read: BigQueryReadClient) -> None:
    opened = session(read, selected_fields=["S", "n"], row_restriction="n BETWEEN 3 AND 4 AND STARTS_WITH(s, 's')")
    assert opened.estimated_row_count == 2
    assert rows_of(read, opened).to_pylist() == [{"n": 3, "s": "s3"}, {"n": 4, "s": "s4"}]


def test_a_stream_is_read_again_from_an_offset(read: BigQueryReadClient) -> None:
    opened = session(read, selected_fields=["n"])
    [stream] = opened.streams
    rows = read.read_rows(stream.name, offset=ROWS - 2).to_arrow(opened)
    assert rows.column("n").to_pylist() == [ROWS - 1, ROWS]
    assert not read.split_read_stream({"name": stream.name}).primary_stream.name


def test_an_empty_table_has_no_stream_and_a_view_is_read_too(read: BigQueryReadClient) -> None:
    assert not session(read, "projects/local/datasets/d/tables/empty").streams
    assert rows_of(read, session(read, "projects/local/datasets/d/tables/v")).num_rows == 5


@pytest.mark.parametrize(
    ("table", "options", "error"),
    [
        ("projects/local/datasets/d/tables/absent", {}, exceptions.NotFound),
        ("projects/local/datasets/_results/tables/absent", {}, exceptions.NotFound),
        ("projects/local/datasets/__bigquery/tables/resources", {}, exceptions.NotFound),
        ("nonsense", {}, exceptions.InvalidArgument),
        (TABLE, {"selected_fields": ["absent"]}, exceptions.InvalidArgument),
        (TABLE, {"row_restriction": "absent = 1"}, exceptions.InvalidArgument),
        (TABLE, {"row_restriction": "n = 1; DROP TABLE d.t"}, exceptions.InvalidArgument),
        (
            TABLE,
            {"row_restriction": "s IN (SELECT content FROM read_text('/etc/hostname'))"},
            exceptions.InvalidArgument,
        ),
        (TABLE, {"row_restriction": "current_setting('memory_limit') = s"}, exceptions.InvalidArgument),
    ],
)
def test_an_invalid_session_is_rejected(
    read: BigQueryReadClient, table: str, options: dict[str, object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        session(read, table, **options)


def test_a_table_is_read_as_avro_with_the_same_rows(read: BigQueryReadClient) -> None:
    wanted = types.ReadSession(
        table=TABLE, data_format=types.DataFormat.AVRO, read_options={"row_restriction": "n <= 3"}
    )
    opened = read.create_read_session(parent="projects/local", read_session=wanted)
    [stream] = opened.streams
    rows = list(read.read_rows(stream.name).rows(opened))
    expected = rows_of(read, session(read, row_restriction="n <= 3")).to_pylist()
    for row in expected:
        row["dt"] = row["dt"].isoformat()
    assert rows == expected
    schema = {field["name"]: field["type"] for field in json.loads(opened.avro_schema.schema)["fields"]}
    assert (schema["n"], schema["l"]) == (["null", "long"], {"type": "array", "items": "long"})
    assert schema["m"][1] == {"type": "bytes", "logicalType": "decimal", "precision": 38, "scale": 9}


@pytest.mark.parametrize("native", [True, False], ids=["Arrow", "Avro"])
def test_read_from_bigquery_of_beam_reads_directly(server: BigQueryEmulator, native: bool) -> None:
    read = beam.io.ReadFromBigQuery(
        table="local:d.t",
        project="local",
        method=beam.io.ReadFromBigQuery.Method.DIRECT_READ,
        row_restriction="n > 19990",
        selected_fields=["n", "m", "l", "r"],
        use_native_datetime=native,
    )
    expected = [
        {"n": n, "m": decimal.Decimal(n), "l": [n, n + 1], "r": {"x": n, "y": "y"}} for n in range(19991, 20001)
    ]
    with (
        point_beam_at(server.rest_url, grpc_target=server.grpc_target),
        beam.Pipeline(runner=FnApiRunner()) as pipeline,
    ):
        assert_that(pipeline | read, equal_to(expected))


def test_unknown_formats_streams_and_clients_are_rejected(server: BigQueryEmulator, read: BigQueryReadClient) -> None:
    with pytest.raises(exceptions.NotFound):
        next(iter(read.read_rows("projects/local/locations/us/sessions/x/streams/0").rows()))
    without = read_client(split_token(server.grpc_target)[0])
    with pytest.raises(exceptions.Unauthenticated):
        session(without)


@pytest.mark.parametrize("source", ["table", "query"])
def test_to_arrow_of_google_s_client_uses_it(
    client: bigquery.Client, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    opened = []
    made = "pipelines.bigquery_emulator.client.read_client"
    monkeypatch.setattr(made, lambda target: opened.append(target) or read_client(target))
    read = {"table": client.list_rows("d.t"), "query": client.query("SELECT * FROM d.t WHERE n > 10")}[source]
    table = read.to_arrow()
    assert opened == [client.grpc_target]
    assert table.num_rows == (ROWS if source == "table" else ROWS - 10)
    assert table.schema.field("m").type == pa.decimal128(38, 9)
    by_rest = client.query("SELECT * FROM d.t WHERE n > 10 ORDER BY n").to_arrow(create_bqstorage_client=False)
    assert table.sort_by("n").slice(table.num_rows - ROWS + 10).equals(by_rest.cast(table.schema))


def test_to_dataframe_of_google_s_client_uses_it(client: bigquery.Client) -> None:
    pytest.importorskip("pandas")
    pytest.importorskip("db_dtypes")
    frame = client.query("SELECT n, s FROM d.t").to_dataframe()
    assert sorted(frame["n"]) == list(range(1, ROWS + 1))
    assert len(client.list_rows("d.empty").to_dataframe()) == 0
