"""Queries of the read model's rows in a stable order, and their rows as plain records: what the API and the tests read.

Every query names its tables in one order (orders, order_sagas, order_items), as the swap of a rebuild locks them: a reader
sees the tables before the swap or after it. Values are parameters, never text of the statement.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from schemas.models.field_types import INT64_MAX
from schemas.read_model.dialects import INDEXED_CHARACTERS, Dialect, is_free_text
from schemas.read_model.tables import APPLIED_EVENTS, CUSTOMERS, ORDERS, SAGA_FILTERS, SAGAS, STOCK, KeyedTable
from schemas.tables.column import Column
from schemas.timestamps import from_datetime, to_rfc3339

STATE = Column("state", "STRING", "the state of the order's saga; NULL before it has a row")


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One kind of records.

    Args:
        name: its name in the API.
        table: the table whose rows it gives.
        columns: its columns; `items` and `state` of orders come from other tables.
        key: the columns by which it is ordered.
        filters: the columns that a reader may filter by.
    """

    name: str
    table: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    filters: tuple[str, ...]

    def column(self, name: str) -> Column:
        """Return a column by its name."""
        return next(column for column in self.columns if column.name == name)


class Query(NamedTuple):
    """A statement and its parameters by name."""

    sql: str
    parameters: dict[str, Any]


def _columns(table: KeyedTable) -> list[Column]:
    return [keyed.column for keyed in table.columns]


def _orders() -> Resource:
    columns = _columns(ORDERS)
    columns.insert(1 + next(n for n, column in enumerate(columns) if column.name == "status"), STATE)
    return Resource(
        name="orders", table="orders", columns=tuple(columns), key=ORDERS.key, filters=(*ORDERS.filters, STATE.name)
    )


ORDER_ROWS = _orders()
CUSTOMER_ROWS = Resource(
    name="customers",
    table="customers",
    columns=tuple(_columns(CUSTOMERS)),
    key=CUSTOMERS.key,
    filters=CUSTOMERS.filters,
)
STOCK_ROWS = Resource(name="stock", table="stock", columns=tuple(_columns(STOCK)), key=STOCK.key, filters=STOCK.filters)
SAGA_ROWS = Resource(
    name="order_sagas", table="order_sagas", columns=SAGAS.columns, key=("order_id",), filters=SAGA_FILTERS
)
EVENT_ROWS = Resource(
    name="events", table="applied_events", columns=APPLIED_EVENTS, key=("event_time", "event_id"), filters=("order_id",)
)


def select(
    resource: Resource,
    dialect: Dialect,
    namespace: str,
    *,
    equal: Mapping[str, str | None],
    after: Sequence[Any] | None = None,
    limit: int,
    offset: int = 0,
) -> Query:
    """Return the query of a page of records, in the order of the key.

    Args:
        resource: what to read.
        dialect: the store's SQL.
        namespace: the live tables.
        equal: by column, the value that it must have; None: no condition.
        after: the key after which the page begins.
        limit: rows of the page.
        offset: rows before the page.
    """
    parameters: dict[str, Any] = {"limit": limit, "offset": offset}
    conditions = []
    for name, value in equal.items():
        if value is not None:
            parameters[name] = value
            conditions.append(_equal(resource, resource.column(name), dialect))
    if after is not None:
        marks = []
        for number, (name, value) in enumerate(zip(resource.key, after, strict=True)):
            parameters[f"after_{number}"] = value
            marks.append(_mark(dialect, f"after_{number}", resource.column(name)))
        keys = ", ".join(f"t.{name}" for name in resource.key)
        conditions.append(f"({keys}) > ({', '.join(marks)})")
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    cells = ", ".join(_cell(column, dialect, namespace) for column in resource.columns)
    source = f"{dialect.table(namespace, resource.table)} AS t"
    if resource is ORDER_ROWS:
        source += f" LEFT JOIN {dialect.table(namespace, 'order_sagas')} AS s ON s.order_id = t.order_id"
    order = ", ".join(f"t.{name}" for name in resource.key)
    sql = (
        f"SELECT {cells} FROM {source}{where} ORDER BY {order}"
        f" LIMIT {_mark(dialect, 'limit')} OFFSET {_mark(dialect, 'offset')}"
    )
    return Query(sql, parameters)


def _mark(dialect: Dialect, name: str, column: Column | None = None) -> str:
    if dialect.name == "sqlite":
        return f":{name}"
    cast = {"TIMESTAMP": "::timestamptz", "STRING": "::text"}.get(column.type, "") if column is not None else "::bigint"
    return f"%({name})s{'::uuid' if column is not None and column.name == 'event_id' else cast}"


def _equal(resource: Resource, column: Column, dialect: Dialect) -> str:
    mark = _mark(dialect, column.name, column)
    if resource is ORDER_ROWS and column is STATE:
        return f"s.state = {mark}"
    if is_free_text(column):
        call = f"left({{}}, {INDEXED_CHARACTERS})" if dialect.name == "postgresql" else (
            f"substr({{}}, 1, {INDEXED_CHARACTERS})"
        )  # fmt: skip
        return f"{call.format(f't.{column.name}')} = {call.format(mark)} AND t.{column.name} = {mark}"
    return f"t.{column.name} = {mark}"


def _cell(column: Column, dialect: Dialect, namespace: str) -> str:
    if column is STATE:
        return "s.state"
    if column.fields:
        return f"{_lines(column, dialect, namespace)} AS {column.name}"
    if column.repeated and dialect.name == "postgresql":
        return f"t.{column.name}::text AS {column.name}"
    return f"t.{column.name}"


def _lines(column: Column, dialect: Dialect, namespace: str) -> str:
    """Return the expression of an order's lines as JSON text; decimals are texts in it."""
    lines = dialect.table(namespace, ORDERS.lines or "")
    postgresql = dialect.name == "postgresql"
    cells = ", ".join(
        f"'{inner.name}', l.{inner.name}{'::text' if postgresql and inner.type == 'NUMERIC' else ''}"
        for inner in column.fields
    )
    if postgresql:
        return (
            f"(SELECT json_agg(json_build_object({cells}) ORDER BY l.line)::text FROM {lines} AS l"
            " WHERE l.order_id = t.order_id)"
        )
    return (
        f"(SELECT json_group_array(json_object({cells})) FROM (SELECT * FROM {lines} AS i WHERE i.order_id = t.order_id"
        " ORDER BY i.line) AS l)"
    )


def record(resource: Resource, row: Sequence[Any]) -> dict[str, Any]:
    """Return a row as a record: times RFC 3339, money exact text, a sum beyond 64 bits and an unnamed warehouse None."""
    return {column.name: plain(column, value) for column, value in zip(resource.columns, row, strict=True)}


def plain(column: Column, value: Any) -> Any:
    """Return a cell of any of the stores, or of BigQuery, as JSON has it."""
    if column.repeated:
        elements = json.loads(value) if isinstance(value, str) else value or []
        if column.fields:
            return [{inner.name: plain(inner, element[inner.name]) for inner in column.fields} for element in elements]
        return list(elements)
    if value is None:
        return None
    if column.type == "TIMESTAMP":
        return to_rfc3339(from_datetime(value) if isinstance(value, datetime) else value)
    if column.type == "NUMERIC":
        return money_text(Decimal(value))
    if column.type == "WHOLE":
        whole = int(value)
        return whole if -INT64_MAX - 1 <= whole <= INT64_MAX else None
    if column.name == "warehouse_id":
        return value or None
    return str(value) if column.name == "event_id" else value


def money_text(amount: Decimal) -> str:
    """Return an amount without trailing zeros and without an exponent."""
    return f"{amount:f}".rstrip("0").rstrip(".") if "." in f"{amount:f}" else f"{amount:f}"
