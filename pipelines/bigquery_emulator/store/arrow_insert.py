"""Insert Arrow record batches into DuckDB tables, several appends per transaction.

Appends that arrive during a commit wait and are then committed together: a commit costs about as much as a few thousand
rows, so small appends share one. An append returns after its commit.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field

import duckdb
import pyarrow as pa

from pipelines.bigquery_emulator.store.types import Field, kind, quoted
from pipelines.bigquery_emulator.store.warehouse import Warehouse


def with_json(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Return the batch with the schema from `typed`; the columns are not copied."""
    columns = [
        pa.ExtensionArray.from_storage(field.type, column) if isinstance(field.type, pa.JsonType) else column
        for field, column in zip(schema, batch.columns, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def typed(schema: pa.Schema, fields: dict[str, Field]) -> pa.Schema:
    """Return the schema with JSON columns as Arrow's JSON type: DuckDB then does not parse the text again."""
    json = pa.json_(pa.string())
    return pa.schema(
        field.with_type(json) if kind(fields[field.name.lower()]) == "JSON" and field.type == pa.string() else field
        for field in schema
    )


def insert_arrow(
    connection: duckdb.DuckDBPyConnection,
    table: tuple[str, str],
    fields: dict[str, Field],
    schema: pa.Schema,
    batches: Iterable[pa.RecordBatch],
) -> None:
    """Insert batches of one schema into a table; columns match by name, ignoring case.

    A list is inserted as one table; any other iterable is read batch by batch.
    """
    target = typed(schema, fields)
    arriving = (with_json(batch, target) for batch in batches)
    if isinstance(batches, list):
        rows = pa.Table.from_batches(arriving, target)
    else:
        rows = pa.RecordBatchReader.from_batches(target, arriving)
    names = [quoted(name) for name in schema.names]
    repeated = [fields[name.lower()].get("mode") == "REPEATED" for name in schema.names]
    values = [f"coalesce({name}, [])" if many else name for name, many in zip(names, repeated, strict=True)]
    connection.register("__incoming", rows)
    try:
        connection.execute(
            f"insert into {quoted(*table)} ({', '.join(names)}) select {', '.join(values)} from __incoming"
        ).fetchall()
    finally:
        connection.unregister("__incoming")


@dataclass
class _Append:
    table: tuple[str, str]
    batch: pa.RecordBatch
    done: bool = False
    error: Exception | None = field(default=None)


class BatchInserter:
    """Insert checked batches into their tables, several appends per transaction."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._waiting: list[_Append] = []
        self._queue_lock = threading.Lock()

    def insert(self, dataset: str, table: str, batch: pa.RecordBatch) -> None:
        """Insert a batch and return after its commit; raise DuckDB's error."""
        mine = _Append((dataset, table), batch)
        with self._queue_lock:
            self._waiting.append(mine)
        with self._warehouse.lock:  # the holder inserts the batches of all waiting threads
            if not mine.done:
                with self._queue_lock:
                    group, self._waiting = self._waiting, []
                self._insert_group(group)
        if mine.error is not None:
            raise mine.error

    def _insert_group(self, group: list[_Append]) -> None:
        try:
            self._commit(group)
        except Exception as error:
            if len(group) == 1:
                group[0].error = error
            else:  # one invalid append must not fail the others
                for append in group:
                    self._insert_group([append])
        for append in group:
            append.done = True

    def _commit(self, group: list[_Append]) -> None:
        by_table: dict[tuple[tuple[str, str], tuple[str, ...]], list[pa.RecordBatch]] = {}
        for append in group:
            shape = tuple(f"{item.name} {item.type}" for item in append.batch.schema)
            by_table.setdefault((append.table, shape), []).append(append.batch)
        with self._warehouse.transaction() as connection:
            for (table, _), batches in by_table.items():
                fields = {item["name"].lower(): item for item in self._warehouse.fields(*table)}
                insert_arrow(connection, table, fields, batches[0].schema, batches)
