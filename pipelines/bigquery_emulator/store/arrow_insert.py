"""Arrow batches into DuckDB tables: columnar, and grouped.

Appends that arrive while another one is being committed wait, and then go into one transaction together: a commit
costs about as much as a few thousand rows, so many small appends share it. An append returns after its commit.
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
    """Return the batch under the schema that `typed` gave; the columns are not copied."""
    columns = [
        pa.ExtensionArray.from_storage(field.type, column) if isinstance(field.type, pa.JsonType) else column
        for field, column in zip(schema, batch.columns, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def typed(schema: pa.Schema, fields: dict[str, Field]) -> pa.Schema:
    """Mark the JSON columns as Arrow's JSON type: DuckDB then takes the text as checked and does not parse it again."""
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
    """Insert batches of one schema into a table; the columns go by name, case aside.

    A list is handed over as it stands; any other iterable is read batch by batch.
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


class Lander:
    """Lands checked batches in their tables, several appends to a transaction."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._waiting: list[_Append] = []
        self._queue_lock = threading.Lock()

    def land(self, dataset: str, table: str, batch: pa.RecordBatch) -> None:
        """Return when the batch is committed; raise what DuckDB says against it."""
        mine = _Append((dataset, table), batch)
        with self._queue_lock:
            self._waiting.append(mine)
        with self._warehouse.lock:  # whoever gets it lands for all that wait
            if not mine.done:
                with self._queue_lock:
                    group, self._waiting = self._waiting, []
                self._land_group(group)
        if mine.error is not None:
            raise mine.error

    def _land_group(self, group: list[_Append]) -> None:
        try:
            self._commit(group)
        except Exception as error:
            if len(group) == 1:
                group[0].error = error
            else:  # one bad append must not fail its neighbours
                for append in group:
                    self._land_group([append])
        for append in group:
            append.done = True

    def _commit(self, group: list[_Append]) -> None:
        sorted_out: dict[tuple[tuple[str, str], tuple[str, ...]], list[pa.RecordBatch]] = {}
        for append in group:
            shape = tuple(f"{item.name} {item.type}" for item in append.batch.schema)
            sorted_out.setdefault((append.table, shape), []).append(append.batch)
        with self._warehouse.transaction() as connection:
            for (table, _), batches in sorted_out.items():
                fields = {item["name"].lower(): item for item in self._warehouse.fields(*table)}
                insert_arrow(connection, table, fields, batches[0].schema, batches)
