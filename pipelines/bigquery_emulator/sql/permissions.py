"""Look up the names in a client's SQL: it may use its own tables and functions, and BigQuery's built-in functions.

DuckDB offers more than BigQuery to a statement: functions that read files and settings, views of its own catalog, tables
by the path of a file. The connection has no access to files at all (store/warehouse.py); here every name is looked up,
so that what BigQuery does not have is an error as it is there, whatever DuckDB makes of it.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from pipelines.bigquery_emulator.errors import ApiError, not_found
from pipelines.bigquery_emulator.sql.information_schema import RESOLVED
from pipelines.bigquery_emulator.store.catalog import Catalog

_FUNCTIONS = frozenset(
    {
        "ACOSH",
        "ASINH",
        "ATANH",
        "BIT_COUNT",
        "COSH",
        "ERROR",
        "IEEE_DIVIDE",
        "SINH",
        "TANH",
        "TIMESTAMP_BUCKET",
    }
)
"""BigQuery functions that sqlglot does not know and that DuckDB or duckdb_dialect.py has under the same name. sqlglot has a
class for every other function of BigQuery."""
_OF_DUCKDB = (exp.ReadCSV, exp.ReadParquet)
_OWN_VIEWS = ("duckdb_", "pragma_", "sqlite_", "pg_", "__")


def check_names(tree: exp.Expression, catalog: Catalog, project: str) -> None:
    """Raise notFound or invalidQuery for the first table or function of a statement that does not exist in BigQuery."""
    local = {cte.alias_or_name.lower() for cte in tree.find_all(exp.CTE)}
    new = _created(tree)
    for table in tree.find_all(exp.Table):
        if table is new:
            continue
        if isinstance(table.this, exp.Identifier):
            _check_table(table, local, catalog, project)
        else:
            _check_table_function(table, catalog, project)
    for function in _scalar_functions(tree):
        _check_function(function, catalog, project)


def _created(tree: exp.Expression) -> exp.Expression | None:
    """Return the target of a CREATE or DROP: the code that creates or drops it looks it up."""
    return tree.find(exp.Table) if isinstance(tree, exp.Create | exp.Drop) else None


def _check_table(table: exp.Table, local: set[str], catalog: Catalog, project: str) -> None:
    name = table.name
    if table.meta.get(RESOLVED):
        return
    if not table.db:
        if (name.lower() in local and not name.lower().startswith(_OWN_VIEWS)) or name.lower().startswith("__tmp"):
            return
        raise ApiError("invalidQuery", f'Table "{name}" must be qualified with a dataset (e.g. dataset.table).')
    if catalog.find("table", table.db, name) is None:
        catalog.dataset(table.db)
        raise not_found("Table", f"{project}:{table.db}.{name}")


def _check_table_function(table: exp.Table, catalog: Catalog, project: str) -> None:
    function = table.this
    if isinstance(function, exp.Anonymous | exp.Identifier) and table.db:
        if catalog.find("routine", table.db, function.name) is None:
            raise not_found("Routine", f"{project}:{table.db}.{function.name}")
        return
    name = function.name if isinstance(function, exp.Anonymous) else function.key.upper()
    raise ApiError("invalidQuery", f"Table-valued function not found: {name}")


def _scalar_functions(tree: exp.Expression) -> Iterator[exp.Expression]:
    for function in tree.find_all(exp.Anonymous, exp.AnonymousAggFunc, *_OF_DUCKDB):
        if not isinstance(function.parent, exp.Table):
            yield function


def _check_function(function: exp.Expression, catalog: Catalog, project: str) -> None:
    parent = function.parent
    name = function.name if isinstance(function, exp.Anonymous) else function.key.upper()
    if isinstance(parent, exp.Dot) and parent.expression is function:
        if catalog.find("routine", parent.this.name, name) is None:
            raise not_found("Routine", f"{project}:{parent.this.name}.{name}")
        return
    if name.upper() not in _FUNCTIONS:
        raise ApiError("invalidQuery", f"Function not found: {name}")
