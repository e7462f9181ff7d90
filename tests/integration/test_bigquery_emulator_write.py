"""The emulator's Storage Write API through Google's own client: streams, offsets, commits."""

import datetime
import decimal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from google.api_core import exceptions
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import types, writer
from google.protobuf import descriptor_pb2

from pipelines.bigquery_emulator.client import bigquery_client
from pipelines.bigquery_emulator.server import BigQueryEmulator
from tests.support.storage_write import answers, append, commit, pending, request, write_client
from tests.support.write_tables import NUMBERS, SCHEMA, Clients, Table, rows, running_clients

AT = datetime.datetime(2026, 6, 15, 12, tzinfo=datetime.UTC)
ROW = {
    "id": 1,
    "data": '{"a": [1]}',
    "amount": decimal.Decimal("1.5"),
    "at": AT,
    "notes": ["n"],
    "items": [{"sku": "s"}],
}


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clients]:
    with running_clients(tmp_path_factory.mktemp("emulator")) as clients:
        yield clients


@pytest.fixture
def table(clients: Clients) -> Table:
    return Table(*clients, name=f"t{next(NUMBERS)}")


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


def test_a_commit_writes_all_streams_or_none(table: Table) -> None:
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
def test_offsets_are_checked(table: Table, kind: str) -> None:
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


def test_a_finalized_stream_rejects_appends(table: Table) -> None:
    name = pending(table.write, table.path)
    table.write.finalize_write_stream(name=name)
    with pytest.raises(exceptions.InvalidArgument, match="finalized"):
        append(table.write, name, rows(1), SCHEMA)


def test_protocol_buffer_rows_are_appended(table: Table) -> None:
    descriptor = descriptor_pb2.DescriptorProto(name="Row")
    descriptor.field.add(name="id", number=1, type=3, label=1)
    descriptor.field.add(name="notes", number=2, type=9, label=3)
    made = types.AppendRowsRequest(write_stream=table.default)
    made.proto_rows.writer_schema.proto_descriptor = descriptor
    made.proto_rows.rows.serialized_rows = [b"\x08\x05\x12\x01a\x12\x01b", b"\x08\x06"]
    [answer] = answers(table.write, [made])
    assert not answer.error.code
    assert table.ids() == [5, 6]


def test_concurrent_small_appends_are_all_written(table: Table) -> None:
    def send(first: int) -> None:
        sent = [request(table.default, rows(*range(n, n + 5)), SCHEMA) for n in range(first, first + 100, 5)]
        assert not any(answer.error.code for answer in answers(table.write, sent))

    threads = [threading.Thread(target=send, args=(number * 100,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert table.ids() == list(range(800))


def test_a_column_added_during_a_connection_can_be_written(table: Table) -> None:
    known = table.rest.get_table(f"event_store.{table.id}")
    known.schema = [*known.schema, bigquery.SchemaField("extra", "STRING")]
    table.rest.update_table(known, ["schema"])
    append(
        table.write, table.default, [{"id": 1, "EXTRA": "x"}], pa.schema([("id", pa.int64()), ("EXTRA", pa.string())])
    )
    [row] = table.rest.query_and_wait(f"SELECT extra FROM event_store.{table.id}")
    assert row.extra == "x"


def test_pending_streams_of_a_dead_client_do_not_block_the_next_one(clients: Any, tmp_path: Path) -> None:
    with BigQueryEmulator(tmp_path / "w.duckdb") as server:
        rest = bigquery_client(server.rest_url)
        rest.create_dataset("event_store")
        left = Table(server, rest, write_client(server.grpc_target), "t")
        append(left.write, pending(left.write, left.path), rows(1), SCHEMA)
        folder = tmp_path / "w.duckdb.pending"
        assert len(list(folder.iterdir())) == 1
        rest.close()
    assert not folder.exists()
