"""GoogleSQL into DuckDB's SQL, through sqlglot, with the differences that sqlglot leaves open.

The output must also stand in a stored view that plain DuckDB reads later, in a session of any time zone and with the
file attached under any name: so no project or catalog is written, and everything about days and hours says UTC itself.
"""

from __future__ import annotations

from collections.abc import Iterable

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from pipelines.local.errors import ApiError


class Dialect:
    """Translates for one project; `dataset` is what a table name without a dataset belongs to."""

    def __init__(self, project: str, dataset: str | None = None) -> None:
        self._project = project
        self._dataset = dataset

    def parse(self, sql: str) -> list[exp.Expression]:
        """Return the statements of a script, with DuckDB's names and types; ApiError invalidQuery for bad syntax."""
        try:
            statements = [tree for tree in sqlglot.parse(sql, read="bigquery") if tree is not None]
        except SqlglotError as error:
            raise ApiError("invalidQuery", f"Syntax error: {_first_line(error)}") from None
        if not statements:
            raise ApiError("invalidQuery", "Syntax error: the query is empty")
        return [self._rewritten(tree) for tree in statements]

    def query(self, sql: str, arguments: Iterable[str] = ()) -> str:
        """Return one query as DuckDB's SQL; `arguments` are names of a table function's parameters."""
        statements = self.parse(sql)
        if len(statements) != 1 or not isinstance(statements[0], exp.Query):
            raise ApiError("invalidQuery", "A view or table function is exactly one query")
        return duck_sql(statements[0])

    def expression(self, sql: str) -> str:
        """Return one expression as DuckDB's SQL."""
        statements = self.parse(f"SELECT {sql}")
        return duck_sql(statements[0]).removeprefix("SELECT ")

    def _rewritten(self, tree: exp.Expression) -> exp.Expression:
        if isinstance(tree, exp.Create) and tree.expression is not None:
            tree.meta["google_sql"] = tree.expression.sql(dialect="bigquery")
        local = {cte.alias_or_name.lower() for cte in tree.find_all(exp.CTE)}
        for table in tree.find_all(exp.Table):
            self._place(table, local)
        return tree.transform(_rewrite, copy=False)

    def _place(self, table: exp.Table, local: set[str]) -> None:
        """Drop the project of a table name, and add the default dataset to a name that has none."""
        if isinstance(table.this, exp.Func) and not table.db:
            return
        if table.db.upper() == "INFORMATION_SCHEMA":
            return
        if table.catalog:
            table.set("catalog", None)
        if (
            not table.db
            and self._dataset
            and table.name.lower() not in local
            and isinstance(table.this, exp.Identifier)
        ):
            table.set("db", exp.to_identifier(self._dataset, quoted=True))


def duck_sql(tree: exp.Expression) -> str:
    """Return the statement as DuckDB's SQL."""
    try:
        return tree.sql(dialect="duckdb", unsupported_level=sqlglot.ErrorLevel.IGNORE)
    except SqlglotError as error:
        raise ApiError(
            "invalidQuery", f"Not supported by the loopback BigQuery: {_first_line(error)}"
        ) from None


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _rewrite(node: exp.Expression) -> exp.Expression:
    if isinstance(node, exp.DataType) and not node.expressions:
        if node.this == exp.DataType.Type.DECIMAL:
            return exp.DataType.build("DECIMAL(38, 9)", dialect="duckdb")
        if node.this == exp.DataType.Type.BIGDECIMAL:
            return exp.DataType.build("DECIMAL(38, 18)", dialect="duckdb")
    return node
