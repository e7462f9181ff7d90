"""dataset.INFORMATION_SCHEMA.X as DuckDB's view of that name, narrowed to what BigQuery would show."""

from __future__ import annotations

from sqlglot import exp

from pipelines.bigquery_emulator.errors import ApiError

RESOLVED = "information_schema"
"""Key in the meta of a table node that refers to one of these views."""
_PREFIX = "information_schema."
_SCHEMA_COLUMN = {
    "schemata": "schema_name",
    "tables": "table_schema",
    "columns": "table_schema",
    "views": "table_schema",
}
_TYPES = {
    "VARCHAR": "STRING",
    "BLOB": "BYTES",
    "BIGINT": "INT64",
    "DOUBLE": "FLOAT64",
    "BOOLEAN": "BOOL",
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMP",
    "TIMESTAMP": "DATETIME",
    "DECIMAL(38,9)": "NUMERIC",
    "DECIMAL(38,18)": "BIGNUMERIC",
}
"""BigQuery's names of the types that DuckDB calls otherwise; the type of a STRUCT stays as DuckDB writes it."""
_NAME = "CASE {type} " + " ".join(f"WHEN '{duck}' THEN '{name}'" for duck, name in _TYPES.items()) + " ELSE {type} END"
_LIST = "'ARRAY<' || " + _NAME.replace("{type}", "left(data_type, -2)") + " || '>'"
_COLUMNS = f"* REPLACE (CASE WHEN data_type LIKE '%[]' THEN {_LIST} ELSE {_NAME.replace('{type}', 'data_type')} END AS data_type)"
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
    rows = exp.select(_COLUMNS if name == "columns" else "*", dialect="duckdb").from_(view, copy=False)
    if table.db:
        rows = rows.where(schema.eq(exp.Literal.string(table.db)), copy=False)
    rows = rows.where(exp.not_(schema.copy().isin(*_HIDDEN)), copy=False)
    catalog = "catalog_name" if name == "schemata" else "table_catalog"
    rows = rows.where(exp.column(catalog).eq(exp.func("current_database")), copy=False)
    table.replace(rows.subquery(table.alias or name, copy=False))
