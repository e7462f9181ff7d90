"""The read model in PostgreSQL: one statement per table and batch, rows as arrays, every column merged by its version.

A rebuild fills a schema of its own beside the live one. While it does, every writer writes to both: its transaction holds
a shared advisory lock and reads `building`; the rebuild takes the same lock alone when it begins and when it swaps.
"""

import json
import zlib
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import psycopg
from psycopg import errors

from schemas.read_model.address import ReadModelAddress
from schemas.read_model.dialects import POSTGRESQL
from schemas.read_model.events import ModelEvent
from schemas.read_model.statements import (
    delete_old_lines,
    line_columns,
    on_conflict,
    on_saga_conflict,
    saga_columns,
    upsert_columns,
)
from schemas.read_model.tables import APPLIED_EVENTS, SAGAS, KeyedTable
from schemas.tables.column import Column
from schemas.timestamps import to_datetime
from transforms.sinks.read_model.connect import connect
from transforms.sinks.read_model.merge import Row, merge
from transforms.sinks.read_model.store import RowsRejected, SagaRow, StoreUnavailable

CONTROL_SUFFIX = "_control"
_PERMANENT = (errors.DataError, errors.IntegrityError, errors.ProgramLimitExceeded)
_ARRAYS = {"STRING": "text", "INT64": "bigint", "NUMERIC": "numeric", "WHOLE": "numeric", "TIMESTAMP": "timestamptz"}


def lock_key(namespace: str) -> int:
    """Return the number of the advisory lock of a read model."""
    return zlib.crc32(f"event-pipelines read model {namespace}".encode())


class PostgresStore:
    """The store at an address; a connection that was lost is opened again by the next call.

    Args:
        address: the read model.
    """

    def __init__(self, address: ReadModelAddress) -> None:
        self._address = address
        self._connection: psycopg.Connection[Any] | None = None

    def apply(self, events: list[ModelEvent], sagas: list[SagaRow]) -> None:
        """Merge events and sagas into the live tables and those of a rebuild."""
        self._merge(None, events, sagas)

    def load(self, namespace: str, events: list[ModelEvent], sagas: list[SagaRow]) -> None:
        """Merge events and sagas into one schema."""
        self._merge(namespace, events, sagas)

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.close()
            self._connection = None

    def _merge(self, namespace: str | None, events: list[ModelEvent], sagas: list[SagaRow]) -> None:
        live = self._address.namespace
        try:
            connection = self._open()
            with connection.transaction(), connection.cursor() as cursor:
                if namespace is not None:
                    merge(_SchemaTransaction(cursor, namespace), events, sagas)
                    return
                cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", (lock_key(live),))
                cursor.execute(f'SELECT namespace FROM "{live}{CONTROL_SUFFIX}".building ORDER BY namespace')
                for schema in [live, *(row[0] for row in cursor.fetchall())]:
                    merge(_SchemaTransaction(cursor, schema), events, sagas)
        except _PERMANENT as error:
            raise RowsRejected(rejection(error), error.diag.column_name) from None
        except (psycopg.Error, RuntimeError, OSError) as error:
            self.close()  # a session that failed may hold a transaction
            raise StoreUnavailable(describe(error)) from None

    def _open(self) -> "psycopg.Connection[Any]":
        if self._connection is None or self._connection.closed:
            self._connection = connect(self._address)
        return self._connection


def rejection(error: psycopg.Error) -> str:
    """Return why a row was rejected: kind and SQLSTATE, because the server's text quotes the value."""
    return f"PostgreSQL {error.sqlstate or '?'} {type(error).__name__}"


def describe(error: Exception) -> str:
    """Return one line on a failure without the server's text, which may quote data or the connection string."""
    if isinstance(error, psycopg.Error) and error.sqlstate:
        return rejection(error)
    if isinstance(error, RuntimeError):
        return str(error)
    return f"PostgreSQL is not reached ({type(error).__name__})"


class _SchemaTransaction:
    """A transaction on the tables of one schema."""

    def __init__(self, cursor: "psycopg.Cursor[Any]", namespace: str) -> None:
        self._cursor, self._namespace = cursor, namespace

    def insert_new(self, rows: Sequence[Row]) -> set[str]:
        source, parameters = _unnest(APPLIED_EVENTS, rows)
        self._cursor.execute(
            f"INSERT INTO {self._table('applied_events')} SELECT * FROM {source}"
            " ON CONFLICT (event_id) DO NOTHING RETURNING event_id::text",
            parameters,
        )
        return {row[0] for row in self._cursor.fetchall()}

    def upsert(self, table: KeyedTable, rows: Sequence[Row]) -> None:
        names = upsert_columns(table)
        columns = {keyed.name: keyed.column for keyed in table.columns}
        source, parameters = _unnest([columns.get(name) or Column(name, "VERSION") for name in names], rows)
        self._cursor.execute(
            f"INSERT INTO {self._table(table.name)} AS held ({', '.join(names)}) SELECT * FROM {source}"
            f" {on_conflict(table, POSTGRESQL)}",
            parameters,
        )

    def replace_lines(self, table: KeyedTable, keys: Sequence[str], rows: Sequence[Row]) -> None:
        self._cursor.execute(delete_old_lines(table, POSTGRESQL, self._namespace, "{} = ANY(%s)"), (list(keys),))
        assert table.repeated is not None
        assert table.lines is not None
        if not rows:
            return
        names = line_columns(table)
        inner = {column.name: column for column in table.repeated.column.fields}
        known = {keyed.name: keyed.column for keyed in table.columns}
        kinds = {"line": Column("line", "INT64"), "version": Column("version", "VERSION"), **inner}
        source, parameters = _unnest([kinds.get(name) or known[name] for name in names], rows)
        [key] = table.key
        self._cursor.execute(
            f"INSERT INTO {self._table(table.lines)} ({', '.join(names)})"
            f" SELECT given.* FROM {source} AS given({', '.join(names)})"
            f" JOIN {self._table(table.name)} AS owner"
            f" ON owner.{key} = given.{key} AND owner.{table.repeated.name}_version = given.version"
            f" ON CONFLICT ({key}, line) DO NOTHING",
            parameters,
        )

    def upsert_sagas(self, rows: Sequence[Row]) -> None:
        source, parameters = _unnest(SAGAS.columns, rows)
        self._cursor.execute(
            f"INSERT INTO {self._table(SAGAS.name)} AS held ({', '.join(saga_columns())}) SELECT * FROM {source}"
            f" {on_saga_conflict()}",
            parameters,
        )

    def _table(self, name: str) -> str:
        return POSTGRESQL.table(self._namespace, name)


def _unnest(columns: Sequence[Column], rows: Sequence[Row]) -> tuple[str, list[Any]]:
    """Return a table of rows as one array per column: the statement is the same for every number of rows."""
    arrays: list[list[Any]] = []
    casts: list[str] = []
    for column, cells in zip(columns, zip(*rows, strict=True), strict=True):
        if column.repeated:
            arrays.append([None if cell is None else json.dumps(cell) for cell in cells])
            casts.append("%s::jsonb[]")
        elif column.type == "TIMESTAMP":
            arrays.append([None if cell is None else to_datetime(cell) for cell in cells])
            casts.append("%s::timestamptz[]")
        elif column.type == "VERSION":
            arrays.append(list(cells))
            casts.append("%s::bytea[]")
        else:
            arrays.append(list(cells))
            casts.append(f"%s::{'uuid' if column.name == 'event_id' else _ARRAYS[column.type]}[]")
    return f"unnest({', '.join(casts)})", arrays
