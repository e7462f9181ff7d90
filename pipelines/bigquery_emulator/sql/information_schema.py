"""dataset.INFORMATION_SCHEMA.X as DuckDB's view of that name, narrowed to what BigQuery would show."""

from __future__ import annotations

from sqlglot import exp

from pipelines.bigquery_emulator.errors import ApiError

RESOLVED = "information_schema"
"""Key in the meta of a table node that stands for one of these views."""
_PREFIX = "information_schema."
_SCHEMA_COLUMN = {
    "schemata": "schema_name",
    "tables": "table_schema",
    "columns": "table_schema",
    "views": "table_schema",
}
_HIDDEN = ("__bigquery", "main", "pg_catalog", "information_schema")


def is_information_schema(table: exp.Table) -> bool:
    """Report whether a table name is one of INFORMATION_SCHEMA."""
    return str(table.name).lower().startswith(_PREFIX)


def replace_by_duckdb(table: exp.Table) -> None:
    """Replace a table of INFORMATION_SCHEMA by a query of DuckDB's; ApiError invalidQuery when there is none."""
    name = table.name.lower().removeprefix(_PREFIX)
    if name not in _SCHEMA_COLUMN:
        raise ApiError("invalidQuery", f"INFORMATION_SCHEMA.{name.upper()} is not supported by the BigQuery emulator")
    view = exp.table_(name, db="information_schema")
    view.meta[RESOLVED] = True
    schema = exp.column(_SCHEMA_COLUMN[name])
    rows = exp.select("*").from_(view, copy=False)
    if table.db:
        rows = rows.where(schema.eq(exp.Literal.string(table.db)), copy=False)
    rows = rows.where(exp.not_(schema.copy().isin(*_HIDDEN)), copy=False)
    catalog = "catalog_name" if name == "schemata" else "table_catalog"
    rows = rows.where(exp.column(catalog).eq(exp.func("current_database")), copy=False)
    table.replace(rows.subquery(table.alias or name, copy=False))
