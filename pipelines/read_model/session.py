"""A session that manages a read model: statements in the dialect of its store, with `?` for a parameter."""

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from pipelines.errors import RunFailed
from schemas.read_model.address import ReadModelAddress
from schemas.read_model.dialects import DIALECTS, Dialect
from schemas.read_model.layout import physical_tables
from transforms.sinks.read_model.sqlite import BUILDING as SQLITE_BUILDING
from transforms.sinks.read_model.sqlite import connect_sqlite

if TYPE_CHECKING:
    import psycopg

STATEMENT_SECONDS = 3600.0
"""How long a migration or a check of a rebuild may take, seconds: an index over a large table takes its time."""
LOCK_SECONDS = 10.0


class Session(ABC):
    """One connection that manages a read model; use it in a `with` statement of `open_session`."""

    dialect: Dialect
    address: ReadModelAddress

    @abstractmethod
    def rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Run a statement and return its rows; none if it returns none."""

    @abstractmethod
    def alone(self) -> AbstractContextManager[None]:
        """Run the block in one transaction in which no writer is active."""

    @abstractmethod
    def columns(self, namespace: str) -> dict[str, dict[str, str]]:
        """Return the types of the columns by table of a namespace."""

    @abstractmethod
    def control(self, name: str) -> str:
        """Return the quoted name of a control table: these outlive the swap of a rebuild."""

    def table(self, name: str, namespace: str | None = None) -> str:
        """Return the quoted name of a table of a namespace; None: the live one."""
        return self.dialect.table(self.address.namespace if namespace is None else namespace, name)


class PostgresSession(Session):
    """A session on a PostgreSQL server."""

    def __init__(self, address: ReadModelAddress, connection: "psycopg.Connection[Any]") -> None:
        self.address, self.dialect, self._connection = address, DIALECTS["postgresql"], connection

    def rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Run a statement and return its rows."""
        with self._connection.cursor() as cursor:
            cursor.execute(sql.replace("?", "%s"), parameters or None)
            return cursor.fetchall() if cursor.description is not None else []

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Take the writers' advisory lock alone: the block begins when their transactions have ended."""
        from transforms.sinks.read_model.postgres import lock_key

        with self._connection.transaction():
            self.rows("SELECT pg_advisory_xact_lock(?)", lock_key(self.address.namespace))
            yield

    def columns(self, namespace: str) -> dict[str, dict[str, str]]:
        """Return the types of the columns by table of a schema."""
        found: dict[str, dict[str, str]] = {}
        sql = "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = ?"
        for table, column, kind in self.rows(sql, namespace):
            found.setdefault(table, {})[column] = kind
        return found

    def control(self, name: str) -> str:
        """Return the name of a table of the control schema."""
        from transforms.sinks.read_model.postgres import CONTROL_SUFFIX

        return f'"{self.address.namespace}{CONTROL_SUFFIX}"."{name}"'


class SqliteSession(Session):
    """A session on a SQLite file."""

    def __init__(self, address: ReadModelAddress, connection: sqlite3.Connection) -> None:
        self.address, self.dialect, self._connection = address, DIALECTS["sqlite"], connection

    def rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Run a statement and return its rows."""
        return self._connection.execute(sql, parameters).fetchall()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Begin a transaction as the only writer."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def columns(self, namespace: str) -> dict[str, dict[str, str]]:
        """Return the types of the columns by table with a prefix."""
        found = {}
        for table in physical_tables(self.dialect):
            columns = self.rows(f"PRAGMA table_info({self.dialect.table(namespace, table.name)})")
            if columns:
                found[table.name] = {column[1]: column[2] for column in columns}
        return found

    def control(self, name: str) -> str:
        """Return the name of a control table."""
        return f'"{SQLITE_BUILDING.removesuffix("building")}{name}"'


@contextmanager
def open_session(address: ReadModelAddress) -> Iterator[Session]:
    """Connect, and turn failures of the store into one line that names the option and quotes nothing of the server's.

    Raises:
        RunFailed: the store is not reached, rejects the user or a statement.
    """
    if address.dialect == "sqlite":
        try:
            connection = connect_sqlite(address.path)
            try:
                yield SqliteSession(address, connection)
            finally:
                connection.close()
        except (sqlite3.Error, OSError) as error:
            reason = (
                getattr(error, "sqlite_errorname", None) or getattr(error, "strerror", None) or type(error).__name__
            )
            raise RunFailed(f"--read_model {address}: {reason}") from error
        return
    import psycopg

    from transforms.sinks.read_model.connect import connect
    from transforms.sinks.read_model.postgres import describe

    try:
        with connect(address, statement_seconds=STATEMENT_SECONDS, lock_seconds=LOCK_SECONDS) as server:
            yield PostgresSession(address, server)
    except (psycopg.Error, RuntimeError) as error:
        raise RunFailed(f"--read_model {address}: {describe(error)}") from error
