"""What the emulator's Storage Write API rejects: rows by number, schemas, requests, views."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from google.api_core import exceptions
from google.cloud.bigquery_storage_v1 import types

from tests.support.storage_write import answers, append, request
from tests.support.write_tables import NUMBERS, SCHEMA, Clients, Table, rows, running_clients


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clients]:
    with running_clients(tmp_path_factory.mktemp("emulator")) as clients:
        yield clients


@pytest.fixture
def table(clients: Clients) -> Table:
    return Table(*clients, name=f"t{next(NUMBERS)}")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("projects/local/datasets/event_store/tables/absent/streams/_default", "TABLE_NOT_FOUND"),
        ("{table}/streams/absent", "STREAM_NOT_FOUND"),
    ],
    ids=["table", "stream"],
)
def test_a_missing_table_or_stream_is_not_found(table: Table, name: str, code: str) -> None:
    with pytest.raises(exceptions.NotFound) as raised:
        append(table.write, name.format(table=table.path), rows(1), SCHEMA)
    [detail] = raised.value.details
    storage = types.StorageError.deserialize(detail.value)
    assert storage.code.name == code


REJECTED: dict[str, tuple[dict[str, Any], str]] = {
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


@pytest.mark.parametrize(("bad", "message"), REJECTED.values(), ids=REJECTED)
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
def test_a_schema_that_does_not_match_is_rejected(table: Table, schema: pa.Schema, code: str | None) -> None:
    answer = append(table.write, table.default, [{}], schema)
    assert answer.error.code == 3
    details = [types.StorageError.deserialize(detail.value).code.name for detail in answer.error.details]
    assert details == ([code] if code else [])
    assert table.ids() == []


def test_a_request_over_ten_megabytes_is_rejected(table: Table) -> None:
    answer = append(table.write, table.default, [{"id": 1, "data": '"' + "x" * 10_500_000 + '"'}], SCHEMA)
    assert answer.error.code == 3
    assert table.ids() == []


def test_invalid_arrow_data_is_rejected(table: Table) -> None:
    broken = request(table.default, rows(1), SCHEMA)
    broken.arrow_rows.rows.serialized_record_batch = b"not arrow"
    [answer] = answers(table.write, [broken])
    assert answer.error.code == 3


def test_appending_to_a_view_is_rejected(table: Table) -> None:
    table.rest.query_and_wait(f"CREATE VIEW event_store.v{table.id} AS SELECT id FROM event_store.{table.id}")
    with pytest.raises(exceptions.InvalidArgument, match="is a view"):
        append(table.write, table.default.replace(f"/{table.id}/", f"/v{table.id}/"), rows(1), SCHEMA)
