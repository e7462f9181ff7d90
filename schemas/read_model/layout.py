"""Every physical table of the read model in one namespace, with its columns, key and indexes, and their DDL."""

from dataclasses import dataclass

from schemas.read_model.dialects import Dialect
from schemas.read_model.tables import (
    APPLIED_EVENTS,
    KEYED_TABLES,
    SAGA_FILTERS,
    SAGAS,
    KeyedTable,
)
from schemas.tables.column import Column
from schemas.tables.table import count, text, time

VERSION_SUFFIX = "_version"
LINE = "line"


@dataclass(frozen=True)
class PhysicalColumn:
    """A column and its definition in one dialect."""

    name: str
    definition: str
    description: str = ""


@dataclass(frozen=True)
class PhysicalTable:
    """A table in one dialect; `indexes` are (suffix of the name, expressions, condition)."""

    name: str
    description: str
    columns: tuple[PhysicalColumn, ...]
    key: tuple[str, ...]
    indexes: tuple[tuple[str, str, str], ...] = ()


def physical_tables(dialect: Dialect) -> tuple[PhysicalTable, ...]:
    """Return the tables in the order in which writers, readers and the swap of a rebuild touch them.

    One order for all: statements that lock the same tables in different orders could deadlock.
    """
    keyed = [made for table in KEYED_TABLES for made in _keyed(table, dialect)]
    sagas = PhysicalTable(
        SAGAS.name,
        SAGAS.description,
        tuple(_column(column, dialect) for column in SAGAS.columns),
        ("order_id",),
        tuple((name, f"{name}, order_id", "") for name in SAGA_FILTERS),
    )
    applied = PhysicalTable(
        "applied_events",
        "One row per event that the tables contain.",
        tuple(_column(column, dialect, nullable=column.name == "order_id") for column in APPLIED_EVENTS),
        ("event_id",),
        (("order_id", "order_id, event_time, event_id", "order_id IS NOT NULL"),),
    )
    runs = PhysicalTable(
        "applied_runs",
        "One row per run of the event store whose events the tables contain, or whose streaming run writes them.",
        tuple(
            _column(column, dialect)
            for column in (
                text("run_id", "the run"),
                time("applied_time", "when it was applied, or the streaming run started"),
            )
        ),
        ("run_id",),
    )
    order = ("orders", "order_sagas", "order_items", "customers", "stock", "applied_events", "applied_runs")
    made = {table.name: table for table in (*keyed, sagas, applied, runs)}
    return tuple(made[name] for name in order)


def _keyed(table: KeyedTable, dialect: Dialect) -> list[PhysicalTable]:
    columns: list[PhysicalColumn] = []
    by_name = {keyed.name: keyed.column for keyed in table.columns}
    for keyed in table.columns:
        if not keyed.column.repeated:
            columns.append(_column(keyed.column, dialect))
        if keyed in table.newest:
            columns.append(
                PhysicalColumn(
                    keyed.name + VERSION_SUFFIX,
                    f"{dialect.binary} NOT NULL DEFAULT {dialect.none}",
                    f"event time and event id of {keyed.name}",
                )
            )
    indexes = tuple(
        (name, ", ".join((dialect.indexed(by_name[name]), *(key for key in table.key if key != name))), "")
        for name in table.filters
        if name != table.key[0]
    )
    made = [PhysicalTable(table.name, table.description, tuple(columns), table.key, indexes)]
    repeated = table.repeated
    if table.lines is not None and repeated is not None:
        keys = [_column(by_name[name], dialect) for name in table.key]
        inner = [_column(column, dialect) for column in repeated.column.fields]
        version = PhysicalColumn("version", f"{dialect.binary} NOT NULL", "event time and event id of the list")
        line = _column(count(LINE, "position in the list, from 0"), dialect)
        made.append(
            PhysicalTable(
                table.lines,
                f"The {repeated.name} of {table.name}, one row per element of the newest list.",
                (*keys, line, version, *inner),
                (*table.key, LINE),
            )
        )
    return made


def _column(column: Column, dialect: Dialect, *, nullable: bool = False) -> PhysicalColumn:
    required = (column.required or column.repeated) and not nullable
    return PhysicalColumn(
        column.name, f"{dialect.type_of(column)}{' NOT NULL' if required else ''}", column.description
    )


def create_table(table: PhysicalTable, dialect: Dialect, namespace: str) -> str:
    """Return CREATE TABLE IF NOT EXISTS."""
    columns = ",\n  ".join(f"{column.name} {column.definition}" for column in table.columns)
    without = " WITHOUT ROWID" if dialect.name == "sqlite" else ""
    return (
        f"CREATE TABLE IF NOT EXISTS {dialect.table(namespace, table.name)} (\n  {columns},\n"
        f"  PRIMARY KEY ({', '.join(table.key)})\n){without}"
    )


def create_indexes(table: PhysicalTable, dialect: Dialect, namespace: str) -> list[str]:
    """Return CREATE INDEX IF NOT EXISTS for every index of a table."""
    return [
        f"CREATE INDEX IF NOT EXISTS {dialect.index(namespace, f'{table.name}_by_{suffix}')}"
        f" ON {dialect.table(namespace, table.name)} ({expressions}){f' WHERE {condition}' if condition else ''}"
        for suffix, expressions, condition in table.indexes
    ]


def add_column(table: PhysicalTable, column: PhysicalColumn, dialect: Dialect, namespace: str) -> str:
    """Return ALTER TABLE ADD COLUMN."""
    return f"ALTER TABLE {dialect.table(namespace, table.name)} ADD COLUMN {column.name} {column.definition}"


def ddl(dialect: Dialect, namespace: str) -> list[str]:
    """Return the statements that create every table and index of a namespace that is missing."""
    tables = physical_tables(dialect)
    return [
        statement
        for table in tables
        for statement in (create_table(table, dialect, namespace), *create_indexes(table, dialect, namespace))
    ]
