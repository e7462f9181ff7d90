"""Map BigQuery column types to DuckDB and Arrow types, and back.

A field is the REST form: {"name", "type", "mode", "fields"}. Types are kept under their legacy names (INTEGER, RECORD),
because BigQuery's REST API answers with them whichever name was sent.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from pipelines.bigquery_emulator.errors import ApiError

Field = dict[str, Any]

_LEGACY = {
    "INT64": "INTEGER",
    "FLOAT64": "FLOAT",
    "BOOL": "BOOLEAN",
    "STRUCT": "RECORD",
    "DECIMAL": "NUMERIC",
    "BIGDECIMAL": "BIGNUMERIC",
}
_DUCK = {
    "STRING": "VARCHAR",
    "BYTES": "BLOB",
    "INTEGER": "BIGINT",
    "FLOAT": "DOUBLE",
    "BOOLEAN": "BOOLEAN",
    "TIMESTAMP": "TIMESTAMPTZ",
    "DATE": "DATE",
    "TIME": "TIME",
    "DATETIME": "TIMESTAMP",
    "NUMERIC": "DECIMAL(38,9)",
    "BIGNUMERIC": "DECIMAL(38,18)",
    "JSON": "JSON",
    "GEOGRAPHY": "VARCHAR",
    "INTERVAL": "INTERVAL",
}
_OF_DUCK = {
    "boolean": "BOOLEAN",
    "float": "FLOAT",
    "double": "FLOAT",
    "date": "DATE",
    "time": "TIME",
    "blob": "BYTES",
    "interval": "INTERVAL",
    "timestamp with time zone": "TIMESTAMP",
}
_ARROW = {
    "STRING": (pa.string(), pa.large_string()),
    "GEOGRAPHY": (pa.string(), pa.large_string()),
    "JSON": (pa.string(), pa.large_string()),
    "BYTES": (pa.binary(), pa.large_binary()),
    "INTEGER": (pa.int64(), pa.int8(), pa.int16(), pa.int32(), pa.uint8(), pa.uint16(), pa.uint32()),
    "FLOAT": (pa.float64(), pa.float32()),
    "BOOLEAN": (pa.bool_(),),
    "TIMESTAMP": (pa.timestamp("us", "UTC"), pa.timestamp("us", "+00:00")),
    "DATE": (pa.date32(),),
    "TIME": (pa.time64("us"),),
    "DATETIME": (pa.timestamp("us"),),
    "NUMERIC": (pa.decimal128(38, 9),),
    "BIGNUMERIC": (pa.decimal128(38, 18), pa.decimal256(76, 38), pa.decimal128(38, 9)),
}


_READ = {"BIGNUMERIC": pa.decimal256(76, 38), "INTERVAL": pa.month_day_nano_interval()}


_WIDTHS = {"STRING": 24, "JSON": 400, "BYTES": 400, "NUMERIC": 16, "BIGNUMERIC": 32, "BOOLEAN": 1}


def row_bytes(fields: Iterable[Field]) -> int:
    """Return an estimate of the bytes of one row of these columns."""
    return sum(_WIDTHS.get(kind(field), 8) for field in fields)


def kind(field: Field) -> str:
    """Return the field's type under its legacy name."""
    name = str(field.get("type", "")).upper()
    return _LEGACY.get(name, name)


def normal(field: Field) -> Field:
    """Return the field as BigQuery's REST API answers it; ApiError invalid for an unknown type."""
    out = {**field, "type": kind(field), "mode": str(field.get("mode") or "NULLABLE").upper()}
    if out["type"] == "RECORD":
        out["fields"] = [normal(child) for child in field.get("fields", [])]
    elif out["type"] not in _DUCK:
        raise ApiError("invalid", f"Field {field.get('name')} has an unknown type: {field.get('type')}")
    return out


def quoted(*parts: str) -> str:
    """Return a DuckDB identifier."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def duck_type(field: Field) -> str:
    """Return the DuckDB type of a field."""
    if kind(field) == "RECORD":
        inner = ", ".join(f"{quoted(child['name'])} {duck_type(child)}" for child in field["fields"])
        name = f"STRUCT({inner})"
    else:
        name = _DUCK[kind(field)]
    return name + "[]" if field.get("mode") == "REPEATED" else name


_RANDOM = ("event_id", "correlation_id", "causation_id")


def column_ddl(field: Field) -> str:
    """Return a column definition for CREATE TABLE."""
    required = " NOT NULL" if field.get("mode") == "REQUIRED" else ""
    if field.get("mode") == "REPEATED":
        required = " DEFAULT []"  # a REPEATED column is never NULL
    return f"{quoted(field['name'])} {duck_type(field)}{_compression(field)}{required}"


def _compression(field: Field) -> str:
    """Return the compression of a text column: DuckDB's own choice tries each method per row group, at twice the CPU.

    Zstandard for JSON; none for random ids, which cost most of the time and save a few percent of the file; dictionaries
    for the rest.
    """
    if field.get("mode") == "REPEATED" or kind(field) not in ("STRING", "JSON"):
        return ""
    way = "zstd" if kind(field) == "JSON" else "uncompressed" if field["name"].lower() in _RANDOM else "dict_fsst"
    return f" USING COMPRESSION {way}"


def arrow_type(field: Field) -> pa.DataType:
    """Return the Arrow type in which rows are inserted into the field's column."""
    if kind(field) == "RECORD":
        item: pa.DataType = pa.struct([(child["name"], arrow_type(child)) for child in field["fields"]])
    else:
        item = _ARROW[kind(field)][0]
    return pa.list_(item) if field.get("mode") == "REPEATED" else item


def read_type(field: Field) -> pa.DataType:
    """Return the Arrow type of the field in the Storage Read API."""
    if field.get("mode") == "REPEATED":
        return pa.list_(read_type({**field, "mode": "NULLABLE"}))
    if kind(field) == "RECORD":
        return pa.struct([(child["name"], read_type(child)) for child in field["fields"]])
    return _READ.get(kind(field)) or arrow_type(field)


def accepts(field: Field, given: pa.DataType) -> bool:
    """Report whether the Storage Write API accepts an Arrow column of this type for the field."""
    if field.get("mode") == "REPEATED":
        if not (pa.types.is_list(given) or pa.types.is_large_list(given)):
            return False
        return accepts({**field, "mode": "NULLABLE"}, given.value_type)
    if kind(field) == "RECORD":
        if not pa.types.is_struct(given):
            return False
        children = {child["name"].lower(): child for child in field["fields"]}
        return all(item.name.lower() in children and accepts(children[item.name.lower()], item.type) for item in given)
    return given in _ARROW.get(kind(field), ())


def field_of(name: str, duck: Any) -> Field:
    """Return the field for a column of a DuckDB result (`duck` is its DuckDBPyType)."""
    text, base = str(duck), duck.id
    if base in ("list", "array"):
        return {**field_of(name, dict(duck.children)["child"]), "mode": "REPEATED"}
    out: Field = {"name": name, "mode": "NULLABLE"}
    if base == "struct":
        return {**out, "type": "RECORD", "fields": [field_of(key, child) for key, child in duck.children]}
    if text == "JSON":
        return {**out, "type": "JSON"}
    if base == "decimal":
        scale = dict(duck.children)["scale"]
        return {**out, "type": "NUMERIC" if scale <= 9 else "BIGNUMERIC"}
    if base.endswith("int") or base == "integer":
        return {**out, "type": "INTEGER"}
    if base.startswith("timestamp") and "time zone" not in base:
        return {**out, "type": "DATETIME"}
    return {**out, "type": _OF_DUCK.get(base, "STRING")}
