"""Store descriptions of tables, views and columns as DuckDB comments, for plain DuckDB users of the file."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import duckdb

from pipelines.bigquery_emulator.store.types import quoted

_PRESENT = """
select schema_name, table_name, '', comment from duckdb_tables() where database_name = current_database()
union all
select schema_name, view_name, '', comment from duckdb_views() where database_name = current_database() and not internal
union all
select schema_name, table_name, column_name, comment from duckdb_columns()
where database_name = current_database() and not internal
"""


def write_comments(connection: duckdb.DuckDBPyConnection, resources: Iterable[dict[str, Any]]) -> None:
    """Set the comments of these tables and views to the descriptions in their resources; write only differences."""
    rows = connection.execute(_PRESENT).fetchall()
    present: dict[tuple[str, str], dict[str, str]] = {}
    for schema, table, column, comment in rows:
        present.setdefault((schema, table), {})[column] = comment or ""
    for resource in resources:
        reference = resource["tableReference"]
        name = (reference["datasetId"], reference["tableId"])
        kind = "view" if resource.get("type") == "VIEW" else "table"
        wanted = _descriptions(resource)
        for column, comment in present.get(name, {}).items():
            text = wanted.get(column, "")
            if text != comment:
                target = f"column {quoted(*name, column)}" if column else f"{kind} {quoted(*name)}"
                literal = "'" + text.replace("'", "''") + "'" if text else "null"
                connection.execute(f"comment on {target} is {literal}").fetchall()


def _descriptions(resource: dict[str, Any]) -> dict[str, str]:
    """Return the descriptions by column; the table's own under an empty name."""
    fields = resource.get("schema", {}).get("fields", [])
    texts = {field["name"]: field.get("description") or "" for field in fields}
    return {**texts, "": resource.get("description") or ""}
