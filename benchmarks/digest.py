"""Compare what two variants wrote: rows and an order-independent digest per table.

Every column counts but `run_id` and `ingest_time`, which say who wrote the row. Each row is hashed, and the hashes are
added: the order of rows makes no difference, a row more, less, twice or changed does.
"""

from pathlib import Path
from typing import NamedTuple

import duckdb

from schemas.registry import REGISTRY
from schemas.tables.column import Column
from schemas.tables.definitions import DATASET_OF, EVENTS, TABLES

NOT_COMPARED = ("run_id", "ingest_time", "data_text")
"""Columns that name the run, and the copy of `data` that other engines do not write."""
WRITTEN = (EVENTS.name, *REGISTRY.by_table())
"""The tables that every variant writes: the event store and the typed ones."""


class Digest(NamedTuple):
    """The rows of a table and the sum of their hashes."""

    rows: int
    total: int


_TYPES = {"STRING": "VARCHAR", "JSON": "VARCHAR", "BOOL": "BOOLEAN", "INT64": "BIGINT", "FLOAT64": "DOUBLE"}
_TYPES |= {"NUMERIC": "DECIMAL(38,9)", "BYTES": "BLOB", "TIMESTAMP": "TIMESTAMPTZ"}


def duck_type(column: Column) -> str:
    """Return a column's type in DuckDB: a variant may have written a narrower type."""
    if column.fields:
        inner = ", ".join(f"{field.name} {duck_type(field)}" for field in column.fields)
        left = f"STRUCT({inner})"
    else:
        left = _TYPES[column.type]
    return f"{left}[]" if column.repeated else left


def digests(output: Path, without: frozenset[str] = frozenset()) -> dict[str, Digest]:
    """Return the digest of each table that a variant wrote: in a warehouse or in a folder of Parquet files.

    `without` names columns that do not count.
    """
    warehouse = output / "warehouse.duckdb"
    found = {}
    with duckdb.connect(str(warehouse) if warehouse.exists() else ":memory:", read_only=warehouse.exists()) as duck:
        for name in WRITTEN:
            if warehouse.exists():
                relation = f'"{DATASET_OF[name]}"."{name}"'
            elif (output / name).is_dir():
                relation = f"read_parquet('{output / name}/*.parquet')"
            else:
                found[name] = Digest(0, 0)
                continue
            cells = [
                f'CAST(CAST("{column.name}" AS {duck_type(column)}) AS VARCHAR)'
                for column in TABLES[name].columns
                if column.name not in NOT_COMPARED and column.name not in without
            ]
            query = f"SELECT count(*), coalesce(sum(hash({', '.join(cells)})::HUGEINT), 0) FROM {relation}"
            [(rows, total)] = duck.execute("SET TimeZone = 'UTC'; " + query).fetchall()
            found[name] = Digest(rows, int(total))
    return found


def differences(left: dict[str, Digest], right: dict[str, Digest]) -> list[str]:
    """Return per table how two outputs differ; empty if they are equal."""
    differences = []
    for name in WRITTEN:
        mine, theirs = left[name], right[name]
        if mine.rows != theirs.rows:
            differences.append(f"{name} {mine.rows - theirs.rows:+,} rows")
        elif mine != theirs:
            differences.append(f"{name} other cells")
    return differences
