"""Convert JSON values to column values by BigQuery's rules for JSON input.

For insertAll and NDJSON load jobs. Integers and numbers may come as strings, BYTES as base64, TIMESTAMP as text or
seconds; whatever does not fit names its column.
"""

from __future__ import annotations

import base64
import datetime
import decimal
import json
import re
from collections.abc import Callable
from typing import Any

import pyarrow as pa

from pipelines.bigquery_emulator.store.types import Field, arrow_type, kind
from pipelines.bigquery_emulator.values.row_checks import is_json

_ZONE = re.compile(r"(?i)(z|[+-]\d\d(:?\d\d)?)$")
_NUMERIC_LIMIT = {"NUMERIC": (29, 9), "BIGNUMERIC": (20, 18)}
_INT64 = range(-(2**63), 2**63)


_TYPED: dict[str, type] = {
    "TIMESTAMP": datetime.datetime,
    "DATETIME": datetime.datetime,
    "DATE": datetime.date,
    "TIME": datetime.time,
    "BYTES": bytes,
}


class RowError(ValueError):
    """An invalid row: its column and the reason."""

    def __init__(self, location: str, message: str) -> None:
        super().__init__(message)
        self.location = location


def to_batch(rows: list[dict[str, Any]], fields: list[Field]) -> pa.RecordBatch:
    """Return converted rows as a batch of the table's Arrow types."""
    return pa.RecordBatch.from_pylist(rows, schema=pa.schema([(field["name"], arrow_type(field)) for field in fields]))


def convert_row(fields: list[Field], row: Any, *, ignore_unknown: bool = False, path: str = "") -> dict[str, Any]:
    """Return the row with values that Arrow accepts; RowError for the first invalid value."""
    if not isinstance(row, dict):
        raise RowError(path.rstrip("."), f"This field: {path.rstrip('.')} is not a record.")
    known = {field["name"].lower(): field for field in fields}
    given = {name.lower(): value for name, value in row.items()}
    if not ignore_unknown:
        for name in row:
            if name.lower() not in known:
                raise RowError(path + name, f"no such field: {path}{name}.")
    return {field["name"]: _convert(field, given.get(name), path, ignore_unknown) for name, field in known.items()}


def _convert(field: Field, value: Any, path: str, ignore_unknown: bool) -> Any:
    name = path + field["name"]
    if field.get("mode") == "REPEATED":
        if value is None:
            return []
        if not isinstance(value, list):
            raise RowError(name, f"Array specified for non-repeated field: {name}.")
        return [_convert({**field, "mode": "REQUIRED"}, item, path, ignore_unknown) for item in value]
    if value is None:
        if field.get("mode") == "REQUIRED":
            raise RowError(name, f"Missing required field: {name}.")
        return None
    if kind(field) == "RECORD":
        return convert_row(field["fields"], value, ignore_unknown=ignore_unknown, path=f"{name}.")
    if isinstance(value, list):
        raise RowError(name, f"Array specified for non-repeated field: {name}.")
    if isinstance(value, _TYPED.get(kind(field), ())):
        return value  # Avro has typed values
    try:
        return _SCALARS[kind(field)](value)
    except (ValueError, TypeError, ArithmeticError, KeyError):
        raise RowError(name, f"Cannot convert value to {kind(field).lower()} (bad value) in field: {name}") from None


def _integer(value: Any) -> int:
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise ValueError
    number = int(value)
    if number not in _INT64 or "_" in str(value):
        raise ValueError
    return number


def _float(value: Any) -> float:
    if isinstance(value, bool) or "_" in str(value):
        raise ValueError
    return float(value)


def _boolean(value: Any) -> bool:
    return value if isinstance(value, bool) else {"true": True, "false": False}[str(value).lower()]


def _string(value: Any) -> str:
    if isinstance(value, dict):
        raise ValueError
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _json(value: Any) -> str:
    if isinstance(value, str):
        if not is_json(value):
            raise ValueError
        return value
    return json.dumps(value, allow_nan=False)


def _timestamp(value: Any) -> datetime.datetime:
    if isinstance(value, bool):
        raise ValueError
    if isinstance(value, int | float):
        return datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(seconds=value)
    text = value.strip().removesuffix(" UTC")
    if re.fullmatch(r"-?\d+(\.\d+)?", text):
        return _timestamp(float(text))
    moment = datetime.datetime.fromisoformat(text if _ZONE.search(text[10:]) else f"{text}+00:00")
    return moment.astimezone(datetime.UTC)


def _datetime(value: str) -> datetime.datetime:
    moment = datetime.datetime.fromisoformat(value)
    if moment.tzinfo is not None:
        raise ValueError
    return moment


def _decimal(name: str) -> Callable[[Any], decimal.Decimal]:
    before, after = _NUMERIC_LIMIT[name]

    def convert(value: Any) -> decimal.Decimal:
        if isinstance(value, bool):
            raise ValueError
        number = decimal.Decimal(str(value).strip())
        if "_" in str(value) or not number.is_finite() or number.copy_abs() >= decimal.Decimal(10) ** before:
            raise ValueError
        with decimal.localcontext(prec=60):
            return number.quantize(decimal.Decimal(1).scaleb(-after), decimal.ROUND_HALF_UP)

    return convert


_SCALARS: dict[str, Callable[[Any], Any]] = {
    "STRING": _string,
    "GEOGRAPHY": _string,
    "JSON": _json,
    "BYTES": lambda value: base64.b64decode(value, validate=True),
    "INTEGER": _integer,
    "FLOAT": _float,
    "BOOLEAN": _boolean,
    "NUMERIC": _decimal("NUMERIC"),
    "BIGNUMERIC": _decimal("BIGNUMERIC"),
    "TIMESTAMP": _timestamp,
    "DATE": datetime.date.fromisoformat,
    "TIME": datetime.time.fromisoformat,
    "DATETIME": _datetime,
}
