"""Read models for tests: their rows as records, and the rows of the views that they must equal."""

import sqlite3
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pyarrow as pa

from schemas.read_model.address import ReadModelAddress
from schemas.read_model.dialects import DIALECTS
from schemas.read_model.events import ModelEvent, model_events, saga_rows
from schemas.read_model.layout import physical_tables
from schemas.read_model.select import CUSTOMER_ROWS, ORDER_ROWS, SAGA_ROWS, STOCK_ROWS, Resource, plain, record, select
from schemas.tables.column import TIMESTAMP
from schemas.tables.definitions import TABLES
from tests.support.deliveries import Delivery, Rows

VIEW_OF = {
    ORDER_ROWS: "order_current",
    CUSTOMER_ROWS: "customer_current",
    STOCK_ROWS: "stock_level",
    SAGA_ROWS: "order_saga_current",
}
"""The view whose rows each resource must have."""
IN_NO_VIEW = ("name_hmac", "email_hmac", "phone_hmac")


def event_uuid(name: str) -> str:
    """Return a UUID for the short name of an event, in the order of the names."""
    return str(uuid.UUID(int=int.from_bytes(name.encode().ljust(8), "big") << 64 | 0x4000_8000_0000_0000_0001))


def events_of(deliveries: Iterable[Delivery]) -> list[ModelEvent]:
    """Return deliveries as the sink takes them, in their order."""
    found: list[ModelEvent] = []
    for delivery in deliveries:
        table = delivery.fact.table
        rows = pa.RecordBatch.from_pylist([delivery.typed_row()], TABLES[table].arrow_schema())
        found += model_events(table, rows)
    return found


def sagas_of(rows: Rows) -> list[dict[str, Any]]:
    """Return rows of order_sagas as the sink takes them."""
    return saga_rows(pa.RecordBatch.from_pylist(rows, TABLES["order_sagas"].arrow_schema())) if rows else []


def records(address: ReadModelAddress, resource: Resource) -> list[dict[str, Any]]:
    """Return all records of a resource, read by the API's own query."""
    query = select(resource, DIALECTS[address.dialect], address.namespace, equal={}, limit=10**9)
    return [record(resource, row) for row in _fetch(address, query.sql, query.parameters)]


def view_records(resource: Resource, rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows of the resource's view as records, in the order of the resource's key."""
    columns = [column for column in resource.columns if column.name not in IN_NO_VIEW]
    found = [{column.name: plain(column, row[column.name]) for column in columns} for row in rows]
    return sorted(found, key=lambda one: [one[name] or "" for name in resource.key])


def without_hashes(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return records without the columns that no view has."""
    return [{name: value for name, value in row.items() if name not in IN_NO_VIEW} for row in rows]


def stored_view(output: Path, resource: Resource) -> list[dict[str, Any]]:
    """Return the records of the resource's view in a folder's warehouse."""
    with duckdb.connect(str(output / "warehouse.duckdb"), read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        rows = connection.sql(f"select * from analytics.{VIEW_OF[resource]}").to_arrow_table()
    fields = [pa.field(f.name, TIMESTAMP if pa.types.is_timestamp(f.type) else f.type) for f in rows.schema]
    return view_records(resource, rows.cast(pa.schema(fields)).to_pylist())


def assert_follows(address: ReadModelAddress, output: Path) -> None:
    """Assert that a read model has the rows of a folder's views, and some of each."""
    for resource in VIEW_OF:
        wanted = stored_view(output, resource)
        assert wanted, resource.name
        found = without_hashes(records(address, resource))
        differing = [(a, b) for a, b in zip(found, wanted, strict=False) if a != b][:3]
        assert found == wanted, (address.dialect, resource.name, len(found), len(wanted), differing)


def empty(address: ReadModelAddress) -> None:
    """Delete every row of the live tables."""
    dialect = DIALECTS[address.dialect]
    names = [dialect.table(address.namespace, table.name) for table in physical_tables(dialect)]
    if address.dialect == "sqlite":
        with sqlite3.connect(address.path) as connection:
            for name in names:
                connection.execute(f"DELETE FROM {name}")
        connection.close()
        return
    with psycopg.connect(address.conninfo, autocommit=True) as server:
        server.execute(f"TRUNCATE {', '.join(names)}")


def sqlite_url(folder: Path, name: str = "model.sqlite") -> str:
    """Return the URL of a file in a folder."""
    return f"sqlite:///{folder / name}"


def _fetch(address: ReadModelAddress, sql: str, parameters: dict[str, Any]) -> Sequence[Any]:
    if address.dialect == "sqlite":
        connection = sqlite3.connect(address.path)
        try:
            return connection.execute(sql, parameters).fetchall()
        finally:
            connection.close()
    with psycopg.connect(address.conninfo, options="-c timezone=UTC") as server:
        return server.execute(sql, parameters).fetchall()
