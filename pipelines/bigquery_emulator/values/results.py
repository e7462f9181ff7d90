"""Write query results and table rows in the REST form: fields, and rows of {"f": [{"v": …}]}, in pages.

Scalars are strings, as in BigQuery. A result is an Arrow table; only the requested page is converted to Python objects.
"""

from __future__ import annotations

import base64
import datetime
import decimal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from pipelines.bigquery_emulator.errors import ApiError
from pipelines.bigquery_emulator.store.types import Field, field_of, kind

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
RESULTS_DATASET = "_results"
"""The dataset of the anonymous tables that hold the results of queries; a table has the id of its job."""
_PAGE_ROWS = 50_000
_PAGE_BYTES = 8 * 1024 * 1024
_MICROSECOND = datetime.timedelta(microseconds=1)


@dataclass
class Result:
    """A result set: REST fields and Arrow rows. `affected` counts the rows of a DML statement."""

    fields: list[Field]
    table: pa.Table
    affected: int | None = None

    @classmethod
    def of(cls, connection: duckdb.DuckDBPyConnection, sql: str, values: dict[str, Any] | None = None) -> Result:
        """Run a query and return its complete result."""
        relation = connection.sql(sql, params=values)
        columns: list[Any] = relation.description
        fields = [field_of(column[0], column[1]) for column in columns]
        return cls(fields, _checked(fields, relation.to_arrow_table()))

    @classmethod
    def empty(cls, affected: int | None = None) -> Result:
        """Return the result of a statement without rows."""
        return cls([], pa.table({}), affected)

    def page(self, params: dict[str, str]) -> dict[str, Any]:
        """Return rows, totalRows and pageToken for maxResults, startIndex and pageToken of a call."""
        try:
            start = int(params.get("pageToken") or params.get("startIndex") or 0)
            requested = int(params.get("maxResults") or _PAGE_ROWS)
        except ValueError as error:
            raise ApiError("invalid", f"Invalid paging parameter: {error}") from None
        total = self.table.num_rows
        width = max(1, self.table.nbytes // max(1, total))
        count = max(1, min(requested, _PAGE_ROWS, _PAGE_BYTES // width)) if requested else 0
        part = self.table.slice(start, count)
        timestamp = _timestamp_form(params)
        encoders = [encoder(field, timestamp) for field in self.fields]
        columns = [
            [{"v": encode(value)} for value in part.column(number).to_pylist()]
            for number, encode in enumerate(encoders)
        ]
        page: dict[str, Any] = {"totalRows": str(total)}
        if part.num_rows and requested:
            page["rows"] = [{"f": list(cells)} for cells in zip(*columns, strict=True)]
        if requested and start + part.num_rows < total:
            page["pageToken"] = str(start + part.num_rows)
        return page


def _checked(fields: list[Field], table: pa.Table) -> pa.Table:
    """Return a result with 64 bits in INT64 columns: DuckDB's sums have 128."""
    for number, field in enumerate(fields):
        column = table.column(number)
        if kind(field) == "INTEGER" and pa.types.is_decimal(column.type):
            try:
                table = table.set_column(number, table.field(number).name, column.cast(pa.int64()))
            except pa.ArrowInvalid:
                raise ApiError("invalidQuery", f"int64 overflow in column {field['name']}") from None
    return table


Encoder = Callable[[Any], Any]


def encoder(field: Field, timestamp: Encoder) -> Encoder:
    """Return the function that converts one value of the field to its REST form."""
    if field.get("mode") == "REPEATED":
        item = encoder({**field, "mode": "NULLABLE"}, timestamp)
        return lambda values: [{"v": item(value)} for value in values or []]
    if kind(field) == "RECORD":
        children = [(child["name"], encoder(child, timestamp)) for child in field["fields"]]
        return lambda record: (
            None if record is None else {"f": [{"v": encode(record[name])} for name, encode in children]}
        )
    scalar = timestamp if kind(field) == "TIMESTAMP" else _SCALARS.get(kind(field), str)
    return lambda value: None if value is None else scalar(value)


def _microseconds(value: datetime.datetime) -> int:
    return (value - _EPOCH) // _MICROSECOND


def _timestamp_form(params: dict[str, str]) -> Encoder:
    """Return the requested format of TIMESTAMP; the default is seconds."""
    if params.get("formatOptions.useInt64Timestamp", "").lower() == "true":
        return lambda value: str(_microseconds(value))
    if params.get("formatOptions.timestampOutputFormat") == "ISO8601_STRING":
        return lambda value: value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return lambda value: str(decimal.Decimal(_microseconds(value)) / 1_000_000)


def _numeric(value: Any) -> str:
    if isinstance(value, decimal.Decimal):
        text = format(value, "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    return str(value)


def _interval(value: Any) -> str:
    months, days, nanoseconds = value
    seconds, rest = divmod(abs(nanoseconds), 1_000_000_000)
    sign = "-" if nanoseconds < 0 else ""
    clock = f"{sign}{seconds // 3600}:{seconds // 60 % 60}:{seconds % 60}" + (f".{rest // 1000:06d}" if rest else "")
    return f"{months // 12}-{months % 12} {days} {clock}"


_SCALARS: dict[str, Encoder] = {
    "BOOLEAN": lambda value: "true" if value else "false",
    "INTEGER": lambda value: str(int(value)),
    "FLOAT": lambda value: repr(float(value)).replace("nan", "NaN").replace("inf", "Infinity"),
    "BYTES": lambda value: base64.b64encode(value).decode(),
    "NUMERIC": _numeric,
    "BIGNUMERIC": _numeric,
    "DATE": lambda value: value.isoformat(),
    "TIME": lambda value: value.isoformat(),
    "DATETIME": lambda value: value.isoformat(),
    "INTERVAL": _interval,
}
