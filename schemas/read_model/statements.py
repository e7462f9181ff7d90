"""Upserts that merge a change into the stored row: each column keeps the newer of two values, by its version.

The statements are the same in both dialects but for the parameters. `held` is the stored row, `excluded` the new one.
"""

from schemas.read_model.dialects import Dialect
from schemas.read_model.layout import LINE, VERSION_SUFFIX
from schemas.read_model.tables import SAGA_ORDER, SAGAS, KeyedTable, Rule


def upsert_columns(table: KeyedTable) -> tuple[str, ...]:
    """Return the columns of an upsert in the order of its parameters."""
    names: list[str] = []
    for keyed in table.columns:
        if not keyed.column.repeated:
            names.append(keyed.name)
        if keyed.rule is Rule.NEWEST:
            names.append(keyed.name + VERSION_SUFFIX)
    return tuple(names)


def on_conflict(table: KeyedTable, dialect: Dialect) -> str:
    """Return the clause that merges a new row into the stored one."""
    merges: list[str] = []
    for keyed in table.columns:
        name = keyed.name
        if keyed.rule is Rule.NEWEST:
            version = name + VERSION_SUFFIX
            newer = f"excluded.{version} > held.{version}"
            columns = [version] if keyed.column.repeated else [name, version]
            merges += [
                f"{column} = CASE WHEN {newer} THEN excluded.{column} ELSE held.{column} END" for column in columns
            ]
        elif keyed.rule is Rule.LATEST:
            merges.append(f"{name} = CASE WHEN excluded.{name} > held.{name} THEN excluded.{name} ELSE held.{name} END")
        elif keyed.rule is Rule.COUNT:
            merges.append(f"{name} = held.{name} + excluded.{name}")
        elif keyed.rule is Rule.SUM:
            merges.append(f"{name} = {dialect.add.format(f'held.{name}', f'excluded.{name}')}")
    return f"ON CONFLICT ({', '.join(table.key)}) DO UPDATE SET {', '.join(merges)}"


def saga_columns() -> tuple[str, ...]:
    """Return the columns of a saga's upsert."""
    return tuple(column.name for column in SAGAS.columns)


def on_saga_conflict() -> str:
    """Return the clause that replaces a stored saga by a newer one."""
    newer = ", ".join(f"excluded.{name}" for name in SAGA_ORDER)
    held = ", ".join(f"held.{name}" for name in SAGA_ORDER)
    merges = ", ".join(f"{name} = excluded.{name}" for name in saga_columns() if name != "order_id")
    return f"ON CONFLICT (order_id) DO UPDATE SET {merges} WHERE ({newer}) > ({held})"


def line_columns(table: KeyedTable) -> tuple[str, ...]:
    """Return the columns of a row of the table of lines."""
    repeated = table.repeated
    assert repeated is not None
    return (*table.key, LINE, "version", *(column.name for column in repeated.column.fields))


def delete_old_lines(table: KeyedTable, dialect: Dialect, namespace: str, keys: str) -> str:
    """Return the statement that deletes the lines that are not of the newest list.

    Args:
        table: the keyed table, whose rows hold the version of their newest list; a table of lines has one key column.
        keys: the condition that selects the keys, with `{}` for the key column.
    """
    assert table.lines is not None
    assert table.repeated is not None
    lines, owner = dialect.table(namespace, table.lines), dialect.table(namespace, table.name)
    [key] = table.key
    return (
        f"DELETE FROM {lines} WHERE {keys.format(key)} AND version <> (SELECT {table.repeated.name}{VERSION_SUFFIX}"
        f" FROM {owner} AS owner WHERE owner.{key} = {lines}.{key})"
    )
