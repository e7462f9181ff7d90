"""The read model in one SQLite file: for a machine without PostgreSQL, through the same interface and the same rules.

Readers do not wait for writers (write-ahead log), writers wait for each other. The namespace of a rebuild is a prefix of
the tables' names.
"""

import json
import sqlite3
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from schemas.read_model.address import ReadModelAddress
from schemas.read_model.dialects import SQLITE
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
from transforms.sinks.read_model.merge import Row, merge
from transforms.sinks.read_model.store import RowsRejected, SagaRow, StoreUnavailable

BUSY_SECONDS = 30.0
BUILDING = "control__building"
"""Table of the namespaces that rebuilds are filling."""


def connect_sqlite(path: str, *, readonly: bool = False) -> sqlite3.Connection:
    """Return a connection in autocommit mode; a writer creates the file, readable by its owner only."""
    if readonly:
        connection = sqlite3.connect(
            f"file:{Path(path).absolute().as_uri().removeprefix('file://')}?mode=ro",
            uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False,
        )  # fmt: skip
    else:
        file = Path(path)
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch(mode=0o600)
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.create_function("add_whole", 2, _add_whole, deterministic=True)
    return connection


def _add_whole(first: str, second: str) -> str:
    return str(int(first) + int(second))


class SqliteStore:
    """The store in a file.

    Args:
        address: the read model.
    """

    def __init__(self, address: ReadModelAddress) -> None:
        self._address = address
        self._connection: sqlite3.Connection | None = None

    def apply(self, events: list[ModelEvent], sagas: list[SagaRow]) -> None:
        """Merge events and sagas into the live tables and those of a rebuild."""
        self._merge(None, events, sagas)

    def load(self, namespace: str, events: list[ModelEvent], sagas: list[SagaRow]) -> None:
        """Merge events and sagas into the tables with one prefix."""
        self._merge(namespace, events, sagas)

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _merge(self, namespace: str | None, events: list[ModelEvent], sagas: list[SagaRow]) -> None:
        try:
            if self._connection is None:
                self._connection = connect_sqlite(self._address.path)
            connection = self._connection
            connection.execute("BEGIN IMMEDIATE")
            try:
                given = [] if namespace is not None else [
                    row[0] for row in connection.execute(f"SELECT namespace FROM {BUILDING} ORDER BY namespace")
                ]  # fmt: skip
                for prefix in [namespace or "", *given]:
                    merge(_PrefixTransaction(connection, prefix), events, sagas)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        except (sqlite3.DataError, sqlite3.IntegrityError, OverflowError) as error:
            raise RowsRejected(f"SQLite {type(error).__name__}") from None
        except (sqlite3.Error, OSError) as error:
            self.close()
            raise StoreUnavailable(f"SQLite: {getattr(error, 'sqlite_errorname', type(error).__name__)}") from None


class _PrefixTransaction:
    """A transaction on the tables with one prefix."""

    def __init__(self, connection: sqlite3.Connection, prefix: str) -> None:
        self._connection, self._prefix = connection, prefix

    def insert_new(self, rows: Sequence[Row]) -> set[str]:
        ids = json.dumps([row[0] for row in rows])
        table = self._table("applied_events")
        held = {
            row[0]
            for row in self._connection.execute(
                f"SELECT event_id FROM {table} WHERE event_id IN (SELECT value FROM json_each(?))", (ids,)
            )
        }
        new = [row for row in rows if row[0] not in held]
        self._insert(table, [column.name for column in APPLIED_EVENTS], new, "")
        return {row[0] for row in new}

    def upsert(self, table: KeyedTable, rows: Sequence[Row]) -> None:
        self._insert(f"{self._table(table.name)} AS held", upsert_columns(table), rows, on_conflict(table, SQLITE))

    def replace_lines(self, table: KeyedTable, keys: Sequence[str], rows: Sequence[Row]) -> None:
        condition = "{} IN (SELECT value FROM json_each(?))"
        self._connection.execute(delete_old_lines(table, SQLITE, self._prefix, condition), (json.dumps(list(keys)),))
        assert table.lines is not None
        assert table.repeated is not None
        names = line_columns(table)
        [key] = table.key
        self._connection.executemany(
            f"INSERT INTO {self._table(table.lines)} ({', '.join(names)}) SELECT {_marks(names)}"
            f" WHERE ?{1 + names.index('version')} = (SELECT {table.repeated.name}_version FROM {self._table(table.name)}"
            f" WHERE {key} = ?1) ON CONFLICT ({key}, line) DO NOTHING",
            [tuple(map(_cell, row)) for row in rows],
        )

    def upsert_sagas(self, rows: Sequence[Row]) -> None:
        self._insert(f"{self._table(SAGAS.name)} AS held", saga_columns(), rows, on_saga_conflict())

    def _insert(self, table: str, names: Sequence[str], rows: Sequence[Row], conflict: str) -> None:
        self._connection.executemany(
            f"INSERT INTO {table} ({', '.join(names)}) VALUES ({_marks(names)}) {conflict}",
            [tuple(map(_cell, row)) for row in rows],
        )

    def _table(self, name: str) -> str:
        return SQLITE.table(self._prefix, name)


def _marks(names: Sequence[str]) -> str:
    return ", ".join(f"?{number}" for number in range(1, len(names) + 1))


def _cell(value: Any) -> Any:
    """Return a cell as SQLite holds it: decimals and lists as text."""
    if isinstance(value, Decimal):
        return str(value)
    return json.dumps(value) if isinstance(value, list) else value
