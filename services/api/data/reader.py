"""Read the read model: PostgreSQL through a pool of read-only connections, or a SQLite file."""

import sqlite3
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from fastapi.concurrency import run_in_threadpool

from schemas.read_model.address import ReadModelAddress
from schemas.read_model.dialects import DIALECTS, Dialect
from schemas.read_model.select import EVENT_ROWS, Query, Resource, record, select
from schemas.timestamps import to_datetime
from services.api.data.errors import Unavailable
from transforms.sinks.read_model.sqlite import connect_sqlite

if TYPE_CHECKING:
    import psycopg
    from psycopg_pool import ConnectionPool

Row = Sequence[Any]
STATEMENT_SECONDS = 2.0
"""How long a query may take, seconds: every one reads by a key or by an index."""
WAIT_SECONDS = 2.0
"""How long a request waits for a connection, seconds."""
TRIES = 2
NOT_THERE = "the read model does not answer"


class Rows(Protocol):
    """A store that runs queries of the read model."""

    def fetch(self, query: Query) -> list[Row]:
        """Return the rows of a query; raise Unavailable if the store does not answer."""

    def close(self) -> None:
        """Close all connections."""


class ReadModel:
    """The records of a read model, for any number of requests at once."""

    def __init__(self, address: ReadModelAddress, *, connections: int = 8) -> None:
        self._dialect: Dialect = DIALECTS[address.dialect]
        self._namespace = address.namespace
        self._rows: Rows = SqliteRows(address) if address.dialect == "sqlite" else PostgresRows(address, connections)

    async def page(
        self,
        resource: Resource,
        *,
        equal: dict[str, str | None],
        limit: int,
        offset: int = 0,
        after: Sequence[Any] | None = None,
    ) -> list[dict[str, Any]]:
        """Return records in the order of their key."""
        query = select(
            resource,
            self._dialect,
            self._namespace,
            equal=equal,
            after=self._key(resource, after),
            limit=limit,
            offset=offset,
        )
        rows = await run_in_threadpool(self._rows.fetch, query)
        return [record(resource, row) for row in rows]

    def _key(self, resource: Resource, after: Sequence[Any] | None) -> list[Any] | None:
        """Return a key as the store compares it: times come in UTC microseconds, and PostgreSQL takes datetimes."""
        if after is None or self._dialect.name == "sqlite":
            return None if after is None else list(after)
        return [
            to_datetime(cell) if resource.column(name).type == "TIMESTAMP" else cell
            for name, cell in zip(resource.key, after, strict=True)
        ]

    async def one(self, resource: Resource, **key: str) -> dict[str, Any] | None:
        """Return the record with a key, or None."""
        found = await self.page(resource, equal=dict(key), limit=1)
        return found[0] if found else None

    async def applied(self, event_id: str) -> dict[str, Any] | None:
        """Return the record of an event that the read model contains, or None."""
        return await self.one(EVENT_ROWS, event_id=event_id)

    async def check(self) -> None:
        """Raise Unavailable unless the tables can be read."""
        await self.page(EVENT_ROWS, equal={}, limit=1)

    def close(self) -> None:
        """Close all connections."""
        self._rows.close()


class SqliteRows:
    """A connection per thread: a file's readers do not wait for its writer."""

    def __init__(self, address: ReadModelAddress) -> None:
        self._path = address.path
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []

    def fetch(self, query: Query) -> list[Row]:
        """Return the rows of a query."""
        try:
            connection = getattr(self._local, "connection", None)
            if connection is None:
                connection = self._local.connection = connect_sqlite(self._path, readonly=True)
                self._opened.append(connection)
            return list(connection.execute(query.sql, query.parameters).fetchall())
        except sqlite3.Error:
            self._local.connection = None
            raise Unavailable(NOT_THERE) from None

    def close(self) -> None:
        """Close every thread's connection."""
        for connection in self._opened:
            connection.close()


class PostgresRows:
    """A pool of connections whose sessions can only read."""

    def __init__(self, address: ReadModelAddress, connections: int) -> None:
        self._address, self._size = address, connections
        self._pool: ConnectionPool[Any] | None = None
        self._lock = threading.Lock()

    def fetch(self, query: Query) -> list[Row]:
        """Return the rows of a query; a connection that a restart of the server closed is replaced once."""
        import psycopg

        for tried in range(TRIES):
            try:
                with self._opened().connection(timeout=WAIT_SECONDS) as connection:
                    return list(connection.execute(query.sql, query.parameters).fetchall())
            except psycopg.OperationalError as error:
                if error.sqlstate is not None or tried + 1 == TRIES:
                    raise Unavailable(NOT_THERE) from None
            except (psycopg.Error, RuntimeError, OSError):
                raise Unavailable(NOT_THERE) from None
        raise Unavailable(NOT_THERE)

    def close(self) -> None:
        """Close the pool."""
        if self._pool is not None:
            self._pool.close()

    def _opened(self) -> "ConnectionPool[Any]":
        with self._lock:
            if self._pool is None:
                self._pool = open_pool(self._address, self._size)
            return self._pool


def open_pool(address: ReadModelAddress, size: int) -> "ConnectionPool[Any]":
    """Return a pool that opens connections when they are needed; the driver is imported only here."""
    import psycopg
    from psycopg_pool import ConnectionPool

    from transforms.sinks.read_model.connect import connect

    class Connection(psycopg.Connection[Any]):
        """A connection of the pool, by TLS or by IAM."""

        @classmethod
        def connect(cls, conninfo: str = "", **kwargs: Any) -> "psycopg.Connection[Any]":  # type: ignore[override]
            return connect(address, statement_seconds=STATEMENT_SECONDS, lock_seconds=STATEMENT_SECONDS)

    def configure(connection: "psycopg.Connection[Any]") -> None:
        connection.execute("SET default_transaction_read_only = on")
        connection.prepare_threshold = 2

    return ConnectionPool(
        "", connection_class=Connection, min_size=min(2, size), max_size=size, timeout=WAIT_SECONDS, configure=configure,
        open=True, name="read-model",
    )  # fmt: skip
