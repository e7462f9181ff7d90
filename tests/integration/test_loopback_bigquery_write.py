"""The loopback's Storage Write API through Google's own client: streams, offsets, commits, refusals."""

import datetime
import decimal
import itertools
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from google.api_core import exceptions
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import BigQueryWriteClient, types, writer
from google.protobuf import descriptor_pb2

from pipelines.local.client import bigquery_client, write_client
from pipelines.local.server import LoopbackBigQuery
from tests.support.storage_write import answers, append, commit, pending, request

COLUMNS = [
    bigquery.SchemaField("id", "INT64", "REQUIRED"),
    bigquery.SchemaField("data", "JSON"),
    bigquery.SchemaField("amount", "NUMERIC"),
    bigquery.SchemaField("at", "TIMESTAMP"),
    bigquery.SchemaField("notes", "STRING", "REPEATED"),
    bigquery.SchemaField("items", "RECORD", "REPEATED", fields=[bigquery.SchemaField("sku", "STRING", "REQUIRED")]),
]
SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("data", pa.string()),
        ("amount", pa.decimal128(38, 9)),
        ("at", pa.timestamp("us", "UTC")),
        ("notes", pa.list_(pa.string())),
        ("items", pa.list_(pa.struct([("sku", pa.string())]))),
    ]
)
AT = datetime.datetime(2026, 6, 15, 12, tzinfo=datetime.UTC)
ROW = {
    "id": 1,
    "data": '{"a": [1]}',
    "amount": decimal.Decimal("1.5"),
    "at": AT,
    "notes": ["n"],
    "items": [{"sku": "s"}],
}


NUMBERS = itertools.count()


class Table:
    """A fresh table and the clients around it."""

    def __init__(self, server: LoopbackBigQuery, rest: bigquery.Client, write: BigQueryWriteClient, name: str) -> None:
        self.server, self.rest, self.write, self.id = server, rest, write, name
        self.path = f"projects/local/datasets/event_store/tables/{name}"
        self.default = f"{self.path}/streams/_default"
        rest.create_table(bigquery.Table(f"local.event_store.{name}", COLUMNS))

    def ids(self) -> list[int]:
        return [row.id for row in self.rest.query_and_wait(f"SELECT id FROM event_store.{self.id} ORDER BY id")]


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with LoopbackBigQuery(tmp_path_factory.mktemp("loopback") / "warehouse.duckdb") as server:
        rest = bigquery_client(server.rest_url)
        rest.create_dataset("event_store")
        yield server, rest, write_client(server.grpc_target)
        rest.close()


@pytest.fixture
def table(clients: Any) -> Table:
    return Table(*clients, name=f"t{next(NUMBERS)}")


def rows(*ids: int) -> list[dict[str, Any]]:
    return [{"id": number} for number in ids]


def test_a_default_append_is_visible_once_answered(table: Table) -> None:
    answer = append(table.write, table.default, [ROW, {"id": 2}], SCHEMA)
    assert not answer.error.code
    stored = [
        dict(row.items()) for row in table.rest.query_and_wait(f"SELECT * FROM event_store.{table.id} ORDER BY id")
    ]
    assert stored[0] == {**ROW, "data": {"a": [1]}}
    assert stored[1] == {"id": 2, "data": None, "amount": None, "at": None, "notes": [], "items": []}


def test_googles_stream_manager_appends(table: Table) -> None:
    template = types.AppendRowsRequest(write_stream=table.default)
    template.arrow_rows.writer_schema.serialized_schema = SCHEMA.serialize().to_pybytes()
    manager = writer.AppendRowsStream(table.write, template)
    second = types.AppendRowsRequest()
    second.arrow_rows.rows.serialized_record_batch = (
        pa.RecordBatch.from_pylist(rows(5), schema=SCHEMA).serialize().to_pybytes()
    )
    assert not manager.send(second).result(20).error.code
    manager.close()
    assert table.ids() == [5]


def test_pending_rows_are_invisible_until_the_commit(table: Table) -> None:
    first, second = pending(table.write, table.path), pending(table.write, table.path)
    append(table.write, first, rows(1, 2), SCHEMA, 0)
    append(table.write, first, rows(3), SCHEMA, 2)
    append(table.write, second, rows(4), SCHEMA)
    assert table.ids() == []
    assert table.write.finalize_write_stream(name=first).row_count == 3
    assert table.write.finalize_write_stream(name=second).row_count == 1
    assert table.ids() == []
    answer = commit(table.write, table.path, [first, second])
    assert answer.commit_time is not None
    assert not answer.stream_errors
    assert table.ids() == [1, 2, 3, 4]
    assert not list(table.server.path.with_name("warehouse.duckdb.pending").iterdir())


def test_a_commit_lands_all_streams_or_none(table: Table) -> None:
    ended, open_ = pending(table.write, table.path), pending(table.write, table.path)
    for name in (ended, open_):
        append(table.write, name, rows(1), SCHEMA)
    table.write.finalize_write_stream(name=ended)
    absent = f"{table.path}/streams/absent"
    answer = commit(table.write, table.path, [ended, open_, absent])
    code = types.StorageError.StorageErrorCode
    assert [(error.code, error.entity) for error in answer.stream_errors] == [
        (code.INVALID_STREAM_STATE, open_),
        (code.STREAM_NOT_FOUND, absent),
    ]
    assert not answer._pb.HasField("commit_time")
    assert table.ids() == []
    assert not commit(table.write, table.path, [ended]).stream_errors
    again = commit(table.write, table.path, [ended])
    assert [error.code for error in again.stream_errors] == [code.STREAM_ALREADY_COMMITTED]
    assert table.ids() == [1]


@pytest.mark.parametrize("kind", ["PENDING", "COMMITTED"])
def test_offsets_are_kept(table: Table, kind: str) -> None:
    made = types.WriteStream(type_=types.WriteStream.Type[kind])
    name = table.write.create_write_stream(parent=table.path, write_stream=made).name
    sent = [request(name, rows(offset), SCHEMA, offset) for offset in (0, 1, 0, 7, 2)]
    codes = [answer.error.code for answer in answers(table.write, sent)]
    assert codes == [0, 0, 6, 11, 0]  # ALREADY_EXISTS, OUT_OF_RANGE; the connection goes on
    table.write.finalize_write_stream(name=name)
    if kind == "PENDING":
        commit(table.write, table.path, [name])
    assert table.ids() == [0, 1, 2]


def test_a_committed_stream_is_visible_at_once_and_described(table: Table) -> None:
    made = types.WriteStream(type_=types.WriteStream.Type.COMMITTED)
    name = table.write.create_write_stream(parent=table.path, write_stream=made).name
    append(table.write, name, rows(9), SCHEMA, 0)
    assert table.ids() == [9]
    assert table.write.get_write_stream(name=name).type_ == types.WriteStream.Type.COMMITTED
    assert table.write.get_write_stream(name=table.default).name == table.default


def test_a_finalized_stream_takes_no_more(table: Table) -> None:
    name = pending(table.write, table.path)
    table.write.finalize_write_stream(name=name)
    with pytest.raises(exceptions.InvalidArgument, match="finalized"):
        append(table.write, name, rows(1), SCHEMA)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("projects/local/datasets/event_store/tables/absent/streams/_default", "TABLE_NOT_FOUND"),
        ("{table}/streams/absent", "STREAM_NOT_FOUND"),
    ],
    ids=["table", "stream"],
)
def test_what_does_not_exist_is_not_found(table: Table, name: str, code: str) -> None:
    with pytest.raises(exceptions.NotFound) as raised:
        append(table.write, name.format(table=table.path), rows(1), SCHEMA)
    [detail] = raised.value.details
    storage = types.StorageError.deserialize(detail.value)
    assert storage.code.name == code


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "null in a required column": ({"id": None}, "Field id: Field is required but has NULL value"),
    "not a number": ({"id": 2, "data": '{"a": NaN}'}, "Field data: Invalid JSON"),
    "trailing comma": ({"id": 2, "data": "[1, ]"}, "Field data: Invalid JSON"),
    "no JSON": ({"id": 2, "data": "{"}, "Field data: Invalid JSON"),
    "time after 9999": ({"id": 2, "at": 253_402_300_800_000_000}, "Field at: TIMESTAMP out of range"),
    "time before 1": ({"id": 2, "at": -62_135_596_800_000_001}, "Field at: TIMESTAMP out of range"),
    "null in an array": ({"id": 2, "notes": [None]}, "Field notes: Field is required but has NULL value"),
    "null in a nested required column": (
        {"id": 2, "items": [{"sku": "s"}, {"sku": None}]},
        "Field items.sku: Field is required but has NULL value",
    ),
}


@pytest.mark.parametrize(("bad", "message"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("many", [3, 1000])
def test_a_row_error_names_the_row_and_nothing_is_written(
    table: Table, bad: dict[str, Any], message: str, many: int
) -> None:
    sent = [{"id": number} for number in range(many)]
    sent[1] = bad
    first, second = answers(
        table.write, [request(table.default, sent, SCHEMA), request(table.default, rows(7), SCHEMA)]
    )
    assert first.error.code == 3
    assert [(error.index, error.code.name, error.message) for error in first.row_errors] == [
        (1, "FIELDS_ERROR", message)
    ]
    assert not second.error.code
    assert table.ids() == [7]


def test_a_numeric_beyond_its_range_is_a_row_error(table: Table) -> None:
    made = request(table.default, rows(1), SCHEMA)
    schema = pa.schema([("id", pa.int64()), ("amount", pa.decimal128(38, 9))])
    beyond = (10**38).to_bytes(16, "little", signed=True)  # Arrow itself does not look
    amounts = pa.Array.from_buffers(pa.decimal128(38, 9), 1, [None, pa.py_buffer(beyond)])
    batch = pa.RecordBatch.from_arrays([pa.array([1]), amounts], schema=schema)
    made.arrow_rows.writer_schema.serialized_schema = schema.serialize().to_pybytes()
    made.arrow_rows.rows.serialized_record_batch = batch.serialize().to_pybytes()
    [answer] = answers(table.write, [made])
    assert answer.error.code == 3
    assert table.ids() == []


MISFITS = {
    "extra column": (pa.schema([("id", pa.int64()), ("more", pa.string())]), "SCHEMA_MISMATCH_EXTRA_FIELDS"),
    "other type": (pa.schema([("id", pa.string())]), None),
    "naive time": (pa.schema([("id", pa.int64()), ("at", pa.timestamp("us"))]), None),
    "required column missing": (pa.schema([("data", pa.string())]), None),
}


@pytest.mark.parametrize(("schema", "code"), MISFITS.values(), ids=MISFITS)
def test_a_schema_that_does_not_fit_is_refused(table: Table, schema: pa.Schema, code: str | None) -> None:
    answer = append(table.write, table.default, [{}], schema)
    assert answer.error.code == 3
    details = [types.StorageError.deserialize(detail.value).code.name for detail in answer.error.details]
    assert details == ([code] if code else [])
    assert table.ids() == []


def test_a_request_over_ten_megabytes_is_refused(table: Table) -> None:
    answer = append(table.write, table.default, [{"id": 1, "data": '"' + "x" * 10_500_000 + '"'}], SCHEMA)
    assert answer.error.code == 3
    assert table.ids() == []


def test_what_is_no_arrow_is_refused(table: Table) -> None:
    broken = request(table.default, rows(1), SCHEMA)
    broken.arrow_rows.rows.serialized_record_batch = b"not arrow"
    [answer] = answers(table.write, [broken])
    assert answer.error.code == 3


def test_proto_rows_are_taken(table: Table) -> None:
    descriptor = descriptor_pb2.DescriptorProto(name="Row")
    descriptor.field.add(name="id", number=1, type=3, label=1)
    descriptor.field.add(name="notes", number=2, type=9, label=3)
    made = types.AppendRowsRequest(write_stream=table.default)
    made.proto_rows.writer_schema.proto_descriptor = descriptor
    made.proto_rows.rows.serialized_rows = [b"\x08\x05\x12\x01a\x12\x01b", b"\x08\x06"]
    [answer] = answers(table.write, [made])
    assert not answer.error.code
    assert table.ids() == [5, 6]


def test_small_appends_at_once_all_land(table: Table) -> None:
    def send(first: int) -> None:
        sent = [request(table.default, rows(*range(n, n + 5)), SCHEMA) for n in range(first, first + 100, 5)]
        assert not any(answer.error.code for answer in answers(table.write, sent))

    threads = [threading.Thread(target=send, args=(number * 100,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert table.ids() == list(range(800))


def test_a_view_takes_no_rows(table: Table) -> None:
    table.rest.query_and_wait(f"CREATE VIEW event_store.v{table.id} AS SELECT id FROM event_store.{table.id}")
    with pytest.raises(exceptions.InvalidArgument, match="is a view"):
        append(table.write, table.default.replace(f"/{table.id}/", f"/v{table.id}/"), rows(1), SCHEMA)


def test_a_column_added_meanwhile_can_be_written(table: Table) -> None:
    known = table.rest.get_table(f"event_store.{table.id}")
    known.schema = [*known.schema, bigquery.SchemaField("extra", "STRING")]
    table.rest.update_table(known, ["schema"])
    append(
        table.write, table.default, [{"id": 1, "EXTRA": "x"}], pa.schema([("id", pa.int64()), ("EXTRA", pa.string())])
    )
    [row] = table.rest.query_and_wait(f"SELECT extra FROM event_store.{table.id}")
    assert row.extra == "x"


def test_pending_streams_of_a_client_that_died_do_not_hold_the_next_one(clients: Any, tmp_path: Path) -> None:
    with LoopbackBigQuery(tmp_path / "w.duckdb") as server:
        rest = bigquery_client(server.rest_url)
        rest.create_dataset("event_store")
        left = Table(server, rest, write_client(server.grpc_target), "t")
        append(left.write, pending(left.write, left.path), rows(1), SCHEMA)
        folder = tmp_path / "w.duckdb.pending"
        assert len(list(folder.iterdir())) == 1
        rest.close()
    assert not folder.exists()
