"""Columns: one description of a column, its type in BigQuery, Arrow and Avro; typed columns are made from models."""

import re
from dataclasses import dataclass, replace
from typing import Any, get_args

import pyarrow as pa
from pydantic.fields import FieldInfo

from schemas.models.field_types import Payload, kinds_of
from schemas.registry import nested_model

NUMERIC = pa.decimal128(38, 9)
TIMESTAMP = pa.timestamp("us", "UTC")

_ARROW: dict[str, pa.DataType] = {
    "STRING": pa.string(),
    "JSON": pa.string(),
    "BYTES": pa.binary(),
    "BOOL": pa.bool_(),
    "INT64": pa.int64(),
    "FLOAT64": pa.float64(),
    "NUMERIC": NUMERIC,
    "TIMESTAMP": TIMESTAMP,
}
_AVRO: dict[str, Any] = {
    "STRING": "string",
    "JSON": "string",
    "BYTES": "bytes",
    "BOOL": "boolean",
    "INT64": "long",
    "FLOAT64": "double",
    "NUMERIC": {"type": "bytes", "logicalType": "decimal", "precision": 38, "scale": 9},
    "TIMESTAMP": {"type": "long", "logicalType": "timestamp-micros"},
}
# BigQuery's REST API speaks the legacy names of these types.
_LEGACY = {"INT64": "INTEGER", "FLOAT64": "FLOAT", "BOOL": "BOOLEAN", "STRUCT": "RECORD"}


@dataclass(frozen=True)
class Column:
    """One column. `type` is a GoogleSQL scalar name or STRUCT; `policy_tag` names the tag that guards it."""

    name: str
    type: str
    description: str = ""
    required: bool = False
    repeated: bool = False
    fields: tuple["Column", ...] = ()
    policy_tag: str | None = None

    def arrow_type(self) -> pa.DataType:
        """Return the Arrow type of one cell."""
        element = pa.struct([field.arrow_field() for field in self.fields]) if self.fields else _ARROW[self.type]
        return pa.list_(element) if self.repeated else element

    def arrow_field(self) -> pa.Field:
        """Return the Arrow field."""
        return pa.field(self.name, self.arrow_type(), nullable=not self.required)

    def bigquery_field(self) -> dict[str, Any]:
        """Return the field as BigQuery's REST API has it."""
        field: dict[str, Any] = {
            "name": self.name,
            "type": _LEGACY.get(self.type, self.type),
            "mode": "REPEATED" if self.repeated else "REQUIRED" if self.required else "NULLABLE",
            "description": self.description,
        }
        if self.fields:
            field["fields"] = [inner.bigquery_field() for inner in self.fields]
        return field

    def avro_field(self) -> dict[str, Any]:
        """Return the field as an Avro record has it; a column that may be NULL is a union with null."""
        element: Any = _AVRO.get(self.type)
        if self.fields:
            element = {"type": "record", "name": self.name, "fields": [field.avro_field() for field in self.fields]}
        if self.repeated:
            return {"name": self.name, "type": {"type": "array", "items": element}}
        if self.required:
            return {"name": self.name, "type": element}
        return {"name": self.name, "type": ["null", element], "default": None}


_TYPES = {"str": "STRING", "int": "INT64", "float": "FLOAT64", "Decimal": "NUMERIC", "bool": "BOOL"}


def snake_case(name: str) -> str:
    """Return `order_id` of `orderId`."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def column_of(name: str, field: FieldInfo) -> Column:
    """Return the column of one model field; of personal text, that of its keyed hash (docs/data-contract.md#outputs)."""
    inner = nested_model(field)
    if inner is not None:
        fields = tuple(column_of(key, value) for key, value in inner.model_fields.items())
        return Column(snake_case(name), "STRUCT", f"{name} of the event", repeated=True, fields=fields)
    if "personal" in kinds_of(field):
        column = snake_case(name) + "_hmac"
        return Column(column, "STRING", f"HMAC-SHA256 of {name} under the run's key; NULL without one")
    kind = "TIMESTAMP" if "time" in kinds_of(field) else _TYPES[_base(field.annotation)]
    return Column(snake_case(name), kind, f"{name} of the event", required=field.is_required())


def _base(annotation: Any) -> str:
    args = get_args(annotation)
    return _base(args[0]) if args else str(annotation.__name__)


def columns_of(models: list[type[Payload]]) -> tuple[Column, ...]:
    """Return the typed columns of a table that holds several event types: required if every type requires it.

    A list of objects brings `has_<name>` beside it, because BigQuery cannot tell an empty array from none.
    """
    columns: dict[str, Column] = {}
    seen: dict[str, int] = {}
    for model in dict.fromkeys(models):
        for name, field in model.model_fields.items():
            column = column_of(name, field)
            known = columns.get(column.name)
            if known is not None and known.required and not column.required:
                column = replace(column, required=False)
            elif known is not None:
                column = known
            columns[column.name] = column
            seen[column.name] = seen.get(column.name, 0) + 1
            if column.repeated:
                flag = f"has_{column.name}"
                columns[flag] = Column(flag, "BOOL", f"whether the event carried {name}")
    shared = len(dict.fromkeys(models))
    return tuple(
        column if seen.get(column.name, shared) == shared else replace(column, required=False)
        for column in columns.values()
    )
