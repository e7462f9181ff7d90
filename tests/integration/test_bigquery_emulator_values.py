"""Values and parameters of every type, written and read."""

import datetime
import decimal
from collections.abc import Iterator
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import bigquery

from tests.support.numbers_table import client_of_numbers, rows

FIELD = bigquery.SchemaField
AT = datetime.datetime(2026, 6, 15, 12, 30, 45, 123456, tzinfo=datetime.UTC)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[bigquery.Client]:
    with client_of_numbers(tmp_path_factory.mktemp("emulator")) as client:
        yield client


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
def test_a_value_is_read_as_it_was_written(client: bigquery.Client, field: bigquery.SchemaField, value: Any) -> None:
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


def test_parameters_filter_rows(client: bigquery.Client) -> None:
    chosen = [
        bigquery.ScalarQueryParameter("Least", "INT64", 990),
        bigquery.ArrayQueryParameter("these", "INT64", [3, 995]),
    ]
    sql = "SELECT n FROM `local.d.numbers` WHERE n >= @least AND n IN UNNEST(@these)"
    assert rows(client, sql, query_parameters=chosen) == [(995,)]
    with pytest.raises(exceptions.BadRequest, match="'absent' not found"):
        rows(client, "SELECT @absent")
