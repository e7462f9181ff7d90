"""Create and update the read model's tables: idempotent, safe beside writers and readers, refused if it would lose data."""

import re
from dataclasses import dataclass, field

from pipelines.errors import UserError
from pipelines.read_model.session import Session, open_session
from schemas.read_model.address import ReadModelAddress
from schemas.read_model.layout import (
    PhysicalColumn,
    PhysicalTable,
    add_column,
    create_indexes,
    create_table,
    physical_tables,
)

_TYPES = {"timestamptz": "timestamp with time zone"}


@dataclass
class Migration:
    """What a migration does.

    Args:
        statements: in order; with PostgreSQL, indexes of tables that hold rows are built without blocking writers.
        refused: changes that need a rebuild or a person, one line each.
    """

    statements: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [statement.partition("\n")[0].rstrip(" (") for statement in self.statements]
        lines += [f"refused: {reason}" for reason in self.refused]
        return "\n".join(lines) if lines else "the read model is up to date"


def migrate(address: ReadModelAddress, *, dry_run: bool = False) -> Migration:
    """Bring the tables of a read model to this version; return what was done, or would be.

    Raises:
        UserError: a change would lose data; nothing was changed.
        RunFailed: the store is not reached.
    """
    with open_session(address) as session:
        plan = plan_migration(session)
        if plan.refused and not dry_run:
            raise UserError(
                f"--read_model {address}: {'; '.join(plan.refused)}; `replay --mode rebuild --read_model` rebuilds it"
            )
        if not dry_run:
            for statement in plan.statements:
                session.rows(statement)
    return plan


def plan_migration(session: Session) -> Migration:
    """Return the statements that are missing."""
    plan, live = Migration(), session.address.namespace
    if session.dialect.name == "postgresql":
        from transforms.sinks.read_model.postgres import CONTROL_SUFFIX

        for schema in (live, live + CONTROL_SUFFIX):
            if not session.rows("SELECT 1 FROM pg_namespace WHERE nspname = ?", schema):
                plan.statements.append(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
    for name, columns in (
        ("building", "namespace text PRIMARY KEY"),
        ("settings", "name text PRIMARY KEY, value text NOT NULL"),
    ):
        if not _has(session, name):
            plan.statements.append(f"CREATE TABLE IF NOT EXISTS {session.control(name)} ({columns})")
    existing = session.columns(live)
    for table in physical_tables(session.dialect):
        if table.name not in existing:
            plan.statements.append(create_table(table, session.dialect, live))
            plan.statements += create_indexes(table, session.dialect, live)
            continue
        for column in table.columns:
            _plan_column(plan, session, table, column, existing[table.name])
        plan.statements += _missing_indexes(session, table)
    return plan


def _plan_column(
    plan: Migration, session: Session, table: PhysicalTable, column: PhysicalColumn, existing: dict[str, str]
) -> None:
    wanted = column.definition.split(" NOT NULL")[0].split(" COLLATE")[0]
    wanted = _TYPES.get(wanted, wanted)
    held = existing.get(column.name)
    if held is None:
        if "NOT NULL" in column.definition and "DEFAULT" not in column.definition:
            plan.refused.append(f"{table.name}.{column.name} is new and has no default")
        else:
            plan.statements.append(add_column(table, column, session.dialect, session.address.namespace))
    elif held != wanted:
        plan.refused.append(f"{table.name}.{column.name} is {held}, not {wanted}")


def _missing_indexes(session: Session, table: PhysicalTable) -> list[str]:
    live = session.address.namespace
    wanted = create_indexes(table, session.dialect, live)
    if session.dialect.name == "sqlite":
        # After the swap of a rebuild the indexes have the names of its namespace: compare what they are over.
        held = {_over(row[0]) for row in session.rows(
            "SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name = ?", live + table.name
        )}  # fmt: skip
        return [sql for sql in wanted if _over(sql) not in held]
    names = {row[0] for row in session.rows("SELECT indexname FROM pg_indexes WHERE schemaname = ?", live)}
    return [
        sql.replace("CREATE INDEX", "CREATE INDEX CONCURRENTLY")
        for sql, (suffix, _, _) in zip(wanted, table.indexes, strict=True)
        if f"{table.name}_by_{suffix}" not in names
    ]


def _over(sql: str) -> str:
    """Return what an index is over: its definition from the first bracket."""
    return re.sub(r"\s+", " ", sql.partition("(")[2])


def _has(session: Session, name: str) -> bool:
    control = session.control(name)
    if session.dialect.name == "sqlite":
        return bool(session.rows("SELECT 1 FROM sqlite_master WHERE name = ?", control.strip('"')))
    return session.rows("SELECT to_regclass(?)", control) != [(None,)]
