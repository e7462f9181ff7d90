"""Run scripts: statements one after the other on the writing connection.

Outside BEGIN TRANSACTION each statement is its own transaction; an error rolls back the open one and ends the script.
"""

from __future__ import annotations

from typing import Any

import duckdb
from sqlglot import exp

from pipelines.bigquery_emulator.errors import ApiError
from pipelines.bigquery_emulator.sql.ddl_statements import create, drop, synchronize
from pipelines.bigquery_emulator.sql.permissions import check_names
from pipelines.bigquery_emulator.sql.repeated_columns import fill_repeated
from pipelines.bigquery_emulator.sql.translate import duck_sql
from pipelines.bigquery_emulator.store.warehouse import Warehouse
from pipelines.bigquery_emulator.values.query_parameters import bound
from pipelines.bigquery_emulator.values.results import Result

_SUPPORTED = (
    exp.Query,
    exp.Insert,
    exp.Update,
    exp.Delete,
    exp.Merge,
    exp.TruncateTable,
    exp.Create,
    exp.Drop,
    exp.Alter,
    exp.Transaction,
    exp.Commit,
    exp.Rollback,
)


def statement_type(statement: exp.Expression) -> str:
    """Return BigQuery's statement type."""
    if isinstance(statement, exp.Query):
        return "SELECT"
    if isinstance(statement, exp.Create | exp.Drop | exp.Alter):
        kind = str(statement.args.get("kind") or "TABLE")
        as_select = "_AS_SELECT" if kind == "TABLE" and isinstance(statement.args.get("expression"), exp.Query) else ""
        return f"{type(statement).__name__.upper()}_{kind}{as_select}"
    return {"TruncateTable": "TRUNCATE_TABLE", "Transaction": "BEGIN_TRANSACTION"}.get(
        type(statement).__name__, type(statement).__name__.upper()
    )


def check_supported(statement: exp.Expression) -> None:
    """Raise invalidQuery for a statement that the emulator does not run: SET, EXPORT DATA, CALL and the like."""
    if not isinstance(statement, _SUPPORTED):
        name = statement.name if isinstance(statement, exp.Command) else statement_type(statement)
        raise ApiError("invalidQuery", f"{name} statements are not supported by the BigQuery emulator")


class Script:
    """One run of a list of statements."""

    def __init__(self, warehouse: Warehouse, values: dict[str, Any]) -> None:
        self._warehouse = warehouse
        self._values = values
        self._open = False

    def run(self, statements: list[exp.Expression]) -> Result:
        """Run all statements; return the result of the last query or DML statement."""
        last = Result.empty()
        with self._warehouse.lock:
            try:
                for statement in statements:
                    last = self._step(statement) or last
                if self._open:
                    raise ApiError("invalidQuery", "The script ended inside a transaction: it was rolled back")
            except BaseException:
                if self._open:
                    self._warehouse.rollback()
                raise
        return last

    def _step(self, statement: exp.Expression) -> Result | None:
        check_supported(statement)
        check_names(statement, self._warehouse.catalog, self._warehouse.project)
        match statement:
            case exp.Transaction():
                self._warehouse.begin()
                self._open = True
            case exp.Commit():
                self._warehouse.commit()
                self._open = False
            case exp.Rollback():
                self._warehouse.rollback()
                self._open = False
            case _:
                with self._warehouse.transaction() as connection:
                    return self._change(connection, statement)
        return None

    def _change(self, connection: duckdb.DuckDBPyConnection, statement: exp.Expression) -> Result | None:
        match statement:
            case exp.Create():
                create(self._warehouse, connection, statement, self._values)
            case exp.Drop():
                drop(self._warehouse, statement)
            case exp.Alter():
                connection.execute(duck_sql(statement)).fetchall()
                synchronize(self._warehouse, connection, statement.this.db, statement.this.name)
            case exp.Query():
                return Result.of(connection, duck_sql(statement), bound(statement, self._values))
            case exp.Insert() | exp.Update() | exp.Delete() | exp.Merge() | exp.TruncateTable():
                target = statement.find(exp.Table)
                if target is not None and not isinstance(statement, exp.Delete | exp.TruncateTable):
                    statement = fill_repeated(statement, self._warehouse.fields(target.db, target.name))
                rows = connection.execute(duck_sql(statement), bound(statement, self._values)).fetchall()
                return Result.empty(affected=rows[0][0] if rows and rows[0] else 0)
        return None
