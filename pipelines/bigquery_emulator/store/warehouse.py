"""Keep the tables in one DuckDB file: one schema per dataset, one writer at a time.

Reads run on their own cursors and snapshots, so that a long query does not block an append. Every change takes `lock`
and runs on the writing connection. Results are always fetched completely: DuckDB 2.0 blocks a connection with a partly
read result.
"""

from __future__ import annotations

import datetime
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb

from pipelines.bigquery_emulator.errors import ApiError, already_exists
from pipelines.bigquery_emulator.memory import DUCKDB_MIB
from pipelines.bigquery_emulator.store.catalog import Catalog, Resource
from pipelines.bigquery_emulator.store.comments import write_comments
from pipelines.bigquery_emulator.store.types import Field, column_ddl, field_of, normal, quoted

_CONFIGURATION: dict[str, str | bool | int | float | list[str]] = {
    # A file that DuckDB 1.3 and later open; without it DuckDB 2 writes one that only DuckDB 2 reads. A file that is there
    # already keeps its own version.
    "storage_compatibility_version": "v1.3.0",
    # No statement reads or writes a file, attaches a database, or loads an extension; DuckDB does not allow it again.
    "enable_external_access": False,
    "autoload_known_extensions": False,
    "autoinstall_known_extensions": False,
}
_DATASET_ID = re.compile(r"[A-Za-z0-9_]{1,1024}")
_RESERVED = ("__bigquery", "main", "pg_catalog", "information_schema", "system", "temp")  # DuckDB's, and the catalog
EMPTY_COLUMN = "__empty"  # the column of a table that was created without a schema
_SETTINGS = """
set timezone = 'UTC'; set preserve_insertion_order = false;
set python_enable_replacements = false
"""
_CHECKPOINTS = 4
"""DuckDB checkpoints the write-ahead log when it reaches this fraction of the memory: until then its rows are in memory, and
each checkpoint rewrites the last row group of a table."""
LARGE_ROWS_MIB = 1024
"""Memory of DuckDB in MiB once rows of `LARGE_ROW_BYTES` were appended."""
LARGE_ROW_BYTES = 32 << 10


class Warehouse:
    """Datasets, tables and views over a DuckDB file."""

    def __init__(self, path: Path, project: str, memory_mib: int = DUCKDB_MIB) -> None:
        self.path = path
        self.project = project
        self.lock = threading.RLock()
        self._open = False
        self.connection = duckdb.connect(str(path), config=_CONFIGURATION)
        self.connection.execute(_SETTINGS).fetchall()
        self.connection.execute(f"set checkpoint_threshold = '{max(1, memory_mib // _CHECKPOINTS)}MiB'").fetchall()
        self.failed = threading.Event()
        """Set when DuckDB has ended the database: it accepts nothing until the file is opened again."""
        self._memory_mib, self._queries, self._queries_lock = memory_mib, 0, threading.Lock()
        self._limit_memory(memory_mib)
        self.catalog = Catalog(self.connection, project)
        with self.transaction() as connection:  # a file of an older version has no comments
            write_comments(connection, self.catalog.all("table"))

    def today(self) -> datetime.date:
        """Return the current date (UTC), from which the limits on partitions are counted."""
        return datetime.datetime.now(datetime.UTC).date()

    def close(self) -> None:
        """Checkpoint and close the file."""
        with self.lock:
            self.connection.close()

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """Return a new connection for reading; the caller closes it."""
        return self.connection.cursor()

    @contextmanager
    def query_memory(self) -> Iterator[None]:
        """Raise DuckDB's memory limit while queries run."""
        with self._queries_lock:
            self._queries += 1
            if self._queries == 1:
                self._limit_memory(max(DUCKDB_MIB, self._memory_mib))
        try:
            yield
        finally:
            with self._queries_lock:
                self._queries -= 1
                if not self._queries:
                    self._limit_memory(self._memory_mib)

    def expect_large_rows(self) -> None:
        """Let DuckDB hold more from now on.

        A checkpoint rewrites the table's last row group, up to 122,880 rows. If it runs out of memory, DuckDB ends the
        database: every later append fails until the file is opened again.
        """
        with self._queries_lock:
            if self._memory_mib < LARGE_ROWS_MIB:
                self._memory_mib = LARGE_ROWS_MIB
                self._limit_memory(LARGE_ROWS_MIB)

    def _limit_memory(self, mib: int) -> None:
        with (
            self.cursor() as cursor,
            suppress(duckdb.OutOfMemoryException),
        ):  # more is in use now; the next query tries again
            cursor.execute(f"set memory_limit = '{mib}MiB'").fetchall()

    @contextmanager
    def transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Yield the writing connection in a transaction; an exception rolls back file and catalog.

        Inside an open transaction it joins that one; whoever began it ends it.
        """
        with self.lock:
            if self._open:
                yield self.connection
                return
            self.begin()
            try:
                yield self.connection
                self.commit()
            except BaseException:
                self.rollback()
                raise

    def begin(self) -> None:
        """Begin a transaction; the caller holds `lock` until its end."""
        self.connection.execute("begin").fetchall()
        self._open = True

    def commit(self) -> None:
        """Commit the open transaction."""
        self.connection.execute("commit").fetchall()
        self._open = False

    def rollback(self) -> None:
        """Roll back the open transaction and reload the catalog."""
        self._open = False
        with suppress(duckdb.TransactionException):  # DuckDB may have ended it already
            self.connection.execute("rollback").fetchall()
        self.catalog.reload()

    def fields(self, dataset: str, table: str) -> list[Field]:
        """Return the fields of a table or view."""
        fields: list[Field] = self.catalog.table(dataset, table).get("schema", {}).get("fields", [])
        return fields

    def create_dataset(self, body: Resource) -> Resource:
        """Create a dataset from its REST resource."""
        name = body["datasetReference"]["datasetId"]
        if not _DATASET_ID.fullmatch(name) or name.lower() in _RESERVED:
            raise ApiError("invalid", f'Invalid dataset ID "{name}". It must be of letters, digits and underscores')
        if self.catalog.find("dataset", name):
            raise already_exists("Dataset", f"{self.project}:{name}")
        with self.transaction() as connection:
            connection.execute(f"create schema if not exists {quoted(name)}").fetchall()
            return self.catalog.save("dataset", name, "", {"location": "US", **body})

    def drop_dataset(self, name: str, *, contents: bool) -> None:
        """Drop a dataset; with `contents` its tables and routines too."""
        self.catalog.dataset(name)
        inside = [("table", r["tableReference"]["tableId"]) for r in self.catalog.all("table", name)]
        inside += [("routine", r["routineReference"]["routineId"]) for r in self.catalog.all("routine", name)]
        if inside and not contents:
            raise ApiError("resourceInUse", f"Dataset {self.project}:{name} is still in use")
        with self.transaction() as connection:
            connection.execute(f"drop schema if exists {quoted(name)} cascade").fetchall()
            for kind, item in inside:
                self.catalog.drop(kind, name, item)
            self.catalog.drop("dataset", name)

    def create_table(self, dataset: str, name: str, body: Resource) -> Resource:
        """Create a table from its REST resource; all keys of the resource are kept."""
        self.catalog.dataset(dataset)
        if self.catalog.find("table", dataset, name):
            raise already_exists("Table", f"{self.project}:{dataset}.{name}")
        fields = [normal(field) for field in body.get("schema", {}).get("fields", [])]
        if unsupported := {"externalDataConfiguration", "materializedView", "snapshotDefinition"} & set(body):
            raise ApiError(
                "notImplemented", f"Tables with {', '.join(unsupported)} are not supported by the BigQuery emulator"
            )
        columns = ", ".join(map(column_ddl, fields)) or f"{EMPTY_COLUMN} integer"
        with self.transaction() as connection:
            connection.execute(f"create table {quoted(dataset, name)} ({columns})").fetchall()
            schema = {**body.get("schema", {}), "fields": fields}
            return self.save_table(dataset, name, {"type": "TABLE", **body, "schema": schema})

    def save_table(self, dataset: str, name: str, body: Resource) -> Resource:
        """Store the resource of a table or view, and its descriptions as comments; the caller holds a transaction."""
        resource = self.catalog.save("table", dataset, name, body)
        write_comments(self.connection, [resource])
        return resource

    def drop_table(self, dataset: str, name: str) -> None:
        """Drop a table or view."""
        word = "view" if self.catalog.table(dataset, name).get("type") == "VIEW" else "table"
        with self.transaction() as connection:
            connection.execute(f"drop {word} if exists {quoted(dataset, name)}").fetchall()
            self.catalog.drop("table", dataset, name)

    def describe(self, connection: duckdb.DuckDBPyConnection, dataset: str, name: str) -> list[Field]:
        """Return the fields that DuckDB itself sees in a table or view."""
        columns: list[Any] = connection.sql(f"from {quoted(dataset, name)}").description
        return [field_of(column[0], column[1]) for column in columns if column[0] != EMPTY_COLUMN]
