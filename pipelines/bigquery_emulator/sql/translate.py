"""Translate GoogleSQL to DuckDB's SQL through sqlglot.

The output is also stored in views that plain DuckDB reads later, with the file attached under any name: so it contains
no project or catalog. duckdb_dialect.py corrects sqlglot's own DuckDB dialect.
"""

from __future__ import annotations

from collections.abc import Iterable

import sqlglot
from sqlglot import exp
from sqlglot.errors import ErrorLevel, SqlglotError

from pipelines.bigquery_emulator.errors import ApiError
from pipelines.bigquery_emulator.sql.duckdb_dialect import DuckForGoogle
from pipelines.bigquery_emulator.sql.information_schema import is_information_schema, replace_by_duckdb
from pipelines.bigquery_emulator.sql.permissions import check_names
from pipelines.bigquery_emulator.store.catalog import Catalog


class Dialect:
    """Translate for one project; `dataset` is the default dataset of table names.

    With a `catalog`, the names in a query or expression are looked up in it. Callers look up the names in statements of
    `parse` before they run each: it may need what the statement before creates.
    """

    def __init__(self, project: str, dataset: str | None = None, catalog: Catalog | None = None) -> None:
        self._project = project
        self._dataset = dataset
        self._catalog = catalog

    def parse(self, sql: str) -> list[exp.Expression]:
        """Return the statements of a script with resolved names; ApiError invalidQuery for a syntax error."""
        try:
            statements = [tree for tree in sqlglot.parse(sql, read="bigquery") if tree is not None]
        except SqlglotError as error:
            raise ApiError("invalidQuery", f"Syntax error: {_first_line(error)}") from None
        if not statements:
            raise ApiError("invalidQuery", "Syntax error: the query is empty")
        return [self._resolved(tree) for tree in statements]

    def query(self, sql: str, arguments: Iterable[str] = ()) -> str:
        """Return one query as DuckDB's SQL; `arguments` are names of a table function's parameters."""
        statements = self.parse(sql)
        if len(statements) != 1 or not isinstance(statements[0], exp.Query):
            raise ApiError("invalidQuery", "A view or table function must be exactly one query")
        self._check(statements[0])
        return duck_sql(statements[0])

    def expression(self, sql: str) -> str:
        """Return one expression as DuckDB's SQL."""
        statement, *more = self.parse(f"SELECT {sql}")
        self._check(statement)
        if more or not isinstance(statement, exp.Select) or len(statement.selects) != 1 or statement.args.get("from_"):
            raise ApiError("invalidQuery", "Syntax error: exactly one expression is expected")
        return duck_sql(statement.selects[0].unalias())

    def _check(self, statement: exp.Expression) -> None:
        if self._catalog is not None:
            check_names(statement, self._catalog, self._project)

    def _resolved(self, tree: exp.Expression) -> exp.Expression:
        if isinstance(tree, exp.Create) and tree.expression is not None:
            tree.meta["google_sql"] = tree.expression.sql(dialect="bigquery")
        local = {cte.alias_or_name.lower() for cte in tree.find_all(exp.CTE)}
        for table in list(tree.find_all(exp.Table)):
            self._place(table, local)
        for function in list(tree.find_all(exp.Anonymous)):
            _place_function(function)
        if isinstance(tree, exp.Query):
            _name_columns(tree)
        for unnest in list(tree.find_all(exp.Unnest)):
            _count_from_zero(unnest)
        return tree

    def _place(self, table: exp.Table, local: set[str]) -> None:
        """Drop the project of a table name, and add the default dataset to a name that has none."""
        table.set("sample", None)
        if is_information_schema(table):
            replace_by_duckdb(table)
            return
        function = table.this
        if isinstance(function, exp.Anonymous) and "." in function.name:
            *place, name = function.name.split(".")  # `project.dataset.function`(…)
            function.set("this", exp.to_identifier(name, quoted=True))
            table.set("db", exp.to_identifier(place[-1], quoted=True))
        if table.catalog:
            table.set("catalog", None)
        plain = isinstance(table.this, exp.Identifier) and not table.db and table.name.lower() not in local
        if plain and self._dataset:
            table.set("db", exp.to_identifier(self._dataset, quoted=True))


def _place_function(function: exp.Anonymous) -> None:
    """Write `project.dataset.function`(…) and project.dataset.function(…) as dataset.function(…)."""
    parent = function.parent
    if isinstance(parent, exp.Table):
        return
    *place, name = function.name.split(".")
    if place:
        called = exp.Anonymous(this=name, expressions=function.expressions)
        function.replace(exp.Dot(this=exp.to_identifier(place[-1]), expression=called))
    elif isinstance(parent, exp.Dot) and isinstance(parent.this, exp.Dot):
        parent.set("this", parent.this.expression)


def duck_sql(tree: exp.Expression) -> str:
    """Return a statement as DuckDB's SQL."""
    try:
        sql: str = tree.sql(dialect=DuckForGoogle, unsupported_level=ErrorLevel.IGNORE)
        return sql
    except SqlglotError as error:
        raise ApiError("invalidQuery", f"Not supported by the BigQuery emulator: {_first_line(error)}") from None


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _name_columns(query: exp.Query) -> None:
    """Name unnamed columns as BigQuery does: f0_, f1_."""
    nameless = [item for item in query.selects if not isinstance(item, exp.Alias | exp.Column | exp.Dot | exp.Star)]
    for number, item in enumerate(nameless):
        item.replace(exp.alias_(item.copy(), f"f{number}_"))


def _count_from_zero(unnest: exp.Unnest) -> None:
    """Make WITH OFFSET count from 0: DuckDB's WITH ORDINALITY counts from 1."""
    offset = unnest.args.get("offset")
    select = unnest.find_ancestor(exp.Select)
    if not isinstance(offset, exp.Identifier) or select is None:
        return
    for column in list(select.find_all(exp.Column)):
        if column.name.lower() == offset.name.lower() and not column.table:
            less_one = exp.paren(exp.Sub(this=column.copy(), expression=exp.Literal.number(1)))
            projected = isinstance(column.parent, exp.Select)
            column.replace(exp.alias_(less_one, column.name) if projected else less_one)
