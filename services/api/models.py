"""The models of the API's records for its OpenAPI document, generated from the columns of `schemas/`."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, create_model

from schemas.models.field_types import INT64_MAX
from schemas.read_model.select import CUSTOMER_ROWS, EVENT_ROWS, ORDER_ROWS, SAGA_ROWS, STOCK_ROWS, Resource
from schemas.tables.column import Column
from services.api.data.analytics import DEAD_LETTERS, METRICS, REVENUE, TELEMETRY

MONEY = r"^-?[0-9]+(\.[0-9]+)?$"
PERSONAL_SUFFIX = "_hmac"
_SCHEMAS: dict[str, dict[str, Any]] = {
    "STRING": {"type": "string"},
    "JSON": {"type": "string"},
    "INT64": {"type": "integer", "minimum": -INT64_MAX - 1, "maximum": INT64_MAX},
    "WHOLE": {"type": "integer", "minimum": -INT64_MAX - 1, "maximum": INT64_MAX},
    "FLOAT64": {"type": "number"},
    "NUMERIC": {"type": "string", "pattern": MONEY},
    "TIMESTAMP": {"type": "string", "format": "date-time"},
    "DATE": {"type": "string", "format": "date"},
    "BOOL": {"type": "boolean"},
}
_PYTHON: dict[str, Any] = {"INT64": int, "WHOLE": int, "FLOAT64": float, "NUMERIC": Decimal, "BOOL": bool}
_NULL = {"type": "null"}
NULLABLE_KEYS = ("warehouse_id", "reserved")
"""Columns that the store always fills and a record may leave null: an unnamed warehouse, a sum beyond 64 bits."""


def _field(column: Column) -> tuple[Any, Any]:
    """Return a pydantic field whose schema is exactly what the API writes."""
    schema = dict(_SCHEMAS.get(column.type, {}))
    if column.fields:
        inner = {"type": "object", "properties": {f.name: _schema(f) for f in column.fields}}
        inner["required"] = [f.name for f in column.fields]
        schema = inner
    if column.repeated:
        schema = {"type": "array", "items": schema}
    elif not column.required or column.name in NULLABLE_KEYS:
        schema = {"anyOf": [schema, _NULL]}
    return Any, Field(description=column.description, json_schema_extra=schema)


def _schema(column: Column) -> dict[str, Any]:
    schema = dict(_SCHEMAS[column.type])
    return {"description": column.description, **(schema if column.required else {"anyOf": [schema, _NULL]})}


def record_model(name: str, columns: Sequence[Column], description: str) -> type[BaseModel]:
    """Return the model of a record: every field is there, and is null if it has no value; hashes only with their scope."""
    fields: dict[str, Any] = {}
    for column in columns:
        kind, field = _field(column)
        if column.name.endswith(PERSONAL_SUFFIX):
            field = Field(default=None, description=column.description, json_schema_extra=field.json_schema_extra)
        fields[column.name] = (kind, field)
    config = ConfigDict(json_schema_extra={"description": description})
    return create_model(name, __config__=config, **fields)


def page_model(record: type[BaseModel]) -> type[BaseModel]:
    """Return the model of a page of records."""
    return create_model(
        f"{record.__name__}Page",
        items=(list[record], Field(description="the records, in the order of their key")),  # type: ignore[valid-type]
        page=(int | None, Field(default=None, description="number of the page; absent after a cursor")),
        size=(int, Field(description="records of a page, at most")),
        next=(str | None, Field(description="cursor of the next page; null if this is the last")),
    )


def _of(resource: Resource, name: str, description: str) -> type[BaseModel]:
    return record_model(name, resource.columns, description)


Order = _of(ORDER_ROWS, "Order", "An order as its events make it.")
Saga = _of(SAGA_ROWS, "Saga", "The saga of an order.")
Customer = _of(CUSTOMER_ROWS, "Customer", "A customer as its events make it.")
StockLevel = _of(STOCK_ROWS, "StockLevel", "What is reserved of an article in a warehouse.")
Revenue = record_model("Revenue", REVENUE, "Revenue of a day in one currency.")
Measurement = record_model("Measurement", TELEMETRY, "A measurement of a device.")
PipelineMetrics = record_model("PipelineMetrics", METRICS, "Outcomes and lag of a window and topic.")
DeadLetterState = record_model("DeadLetter", DEAD_LETTERS, "A dead letter without its payload.")
OrderEvent = create_model(
    "OrderEvent",
    __base__=record_model("OrderEventColumns", EVENT_ROWS.columns, "An event of an order."),
    data=(
        Any,
        Field(
            default=None,
            description="data of the event as it came; only with data=true and the scope personal:read",
            json_schema_extra={"anyOf": [{"type": "object"}, {"type": "null"}]},
        ),
    ),
)


class SentEvent(BaseModel):
    """One event that the bus has confirmed."""

    event_id: str = Field(description="the event's UUID")
    topic: str = Field(description="the topic it was published to")
    message_id: str = Field(description="the bus's name of the message")


class SentEvents(BaseModel):
    """The events of a request that was accepted."""

    events: list[SentEvent]


class Status(BaseModel):
    """The state of the service."""

    status: str
    checks: dict[str, str] | None = None
