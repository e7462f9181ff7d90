"""Rows in the Avro form of the Storage Read API: what Beam's ReadFromBigQuery asks for by default."""

from __future__ import annotations

import io
import json
from typing import Any

import fastavro
import pyarrow as pa

from pipelines.bigquery_emulator.store.types import Field, kind

_TYPES: dict[str, Any] = {
    "STRING": "string",
    "GEOGRAPHY": "string",
    "JSON": {"type": "string", "sqlType": "JSON"},
    "INTERVAL": {"type": "string", "sqlType": "INTERVAL"},
    "BYTES": "bytes",
    "INTEGER": "long",
    "FLOAT": "double",
    "BOOLEAN": "boolean",
    "TIMESTAMP": {"type": "long", "logicalType": "timestamp-micros"},
    "DATE": {"type": "int", "logicalType": "date"},
    "TIME": {"type": "long", "logicalType": "time-micros"},
    "DATETIME": {"type": "string", "logicalType": "datetime"},
    "NUMERIC": {"type": "bytes", "logicalType": "decimal", "precision": 38, "scale": 9},
    "BIGNUMERIC": {"type": "bytes", "logicalType": "decimal", "precision": 77, "scale": 38},
}


def avro_schema(fields: list[Field], name: str = "__root__") -> dict[str, Any]:
    """Return the Avro schema of rows; records of fields are named by their path, for Avro's names are unique."""
    return {
        "type": "record",
        "name": name,
        "fields": [{"name": field["name"], "type": _type(field, f"{name}_{field['name']}")} for field in fields],
    }


def encode_rows(fields: list[Field], schema: dict[str, Any], rows: pa.RecordBatch) -> bytes:
    """Return rows as Avro binary, one after the other, without a file's header."""
    parsed, out = fastavro.parse_schema(schema), io.BytesIO()
    for row in rows.to_pylist():
        fastavro.schemaless_writer(out, parsed, {field["name"]: _value(field, row[field["name"]]) for field in fields})
    return out.getvalue()


def schema_text(schema: dict[str, Any]) -> str:
    """Return a schema as the API sends it."""
    return json.dumps(schema)


def _type(field: Field, name: str) -> Any:
    one = avro_schema(field["fields"], name) if kind(field) == "RECORD" else _TYPES[kind(field)]
    mode = field.get("mode")
    if mode == "REPEATED":
        return {"type": "array", "items": one}
    return one if mode == "REQUIRED" else ["null", one]


def _value(field: Field, value: Any) -> Any:
    if field.get("mode") == "REPEATED":
        one = {**field, "mode": "REQUIRED"}
        return [_value(one, item) for item in value or []]
    if value is None:
        return None
    if kind(field) == "RECORD":
        return {child["name"]: _value(child, value[child["name"]]) for child in field["fields"]}
    if kind(field) == "DATETIME":
        return value.isoformat()
    return str(value) if kind(field) == "INTERVAL" else value
