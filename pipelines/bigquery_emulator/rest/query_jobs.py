"""Run query jobs: one query on its own snapshot, or a script on the writing connection."""

from __future__ import annotations

from typing import Any

import duckdb
from sqlglot import exp

from pipelines.bigquery_emulator.errors import ApiError
from pipelines.bigquery_emulator.rest.load_jobs import apply_disposition
from pipelines.bigquery_emulator.sql.permissions import check_names
from pipelines.bigquery_emulator.sql.scripts import Script, check_supported, statement_type
from pipelines.bigquery_emulator.sql.translate import Dialect, duck_sql
from pipelines.bigquery_emulator.store.arrow_insert import insert_arrow
from pipelines.bigquery_emulator.store.types import Field, row_bytes
from pipelines.bigquery_emulator.store.warehouse import Warehouse
from pipelines.bigquery_emulator.values.query_parameters import bound, parameters_of
from pipelines.bigquery_emulator.values.results import Result


def run_query(warehouse: Warehouse, job: dict[str, Any], *, dry_run: bool) -> tuple[Result | None, dict[str, Any]]:
    """Run a query job; return its last result and the query statistics of the job."""
    if job.get("useLegacySql"):
        raise ApiError("invalidQuery", "Legacy SQL is not supported by the BigQuery emulator")
    statements = Dialect(warehouse.project, job.get("defaultDataset", {}).get("datasetId")).parse(job["query"])
    values = parameters_of(job)
    statistics: dict[str, Any] = {
        "statementType": "SCRIPT" if len(statements) > 1 else statement_type(statements[0]),
        "totalBytesProcessed": str(sum(_bytes_read(warehouse, statement) for statement in statements)),
        "cacheHit": False,
    }
    for statement in statements:
        check_supported(statement)
    if dry_run or (len(statements) == 1 and isinstance(statements[0], exp.Query)):
        check_names(statements[0], warehouse.catalog, warehouse.project)
    if dry_run:
        with warehouse.cursor() as cursor:
            statistics["schema"] = {"fields": _explained(cursor, statements[0], values)}
        return None, statistics
    if len(statements) == 1 and isinstance(statements[0], exp.Query):
        with warehouse.query_memory(), warehouse.cursor() as cursor:
            result = Result.of(cursor, duck_sql(statements[0]), bound(statements[0], values))
        if "destinationTable" in job:
            _store(warehouse, job, result)
        return result, statistics
    with warehouse.query_memory():
        result = Script(warehouse, values).run(statements)
    if result.affected is not None:
        statistics["numDmlAffectedRows"] = str(result.affected)
    return result, statistics


def _explained(cursor: duckdb.DuckDBPyConnection, statement: exp.Expression, values: dict[str, Any]) -> list[Field]:
    """Bind a statement without running it; return the fields of a query's result."""
    if isinstance(statement, exp.Query):
        return Result.of(cursor, f"select * from ({duck_sql(statement)}) limit 0", bound(statement, values)).fields
    if isinstance(statement, exp.DML):
        cursor.execute(f"explain {duck_sql(statement)}", bound(statement, values)).fetchall()
    return []


def _bytes_read(warehouse: Warehouse, statement: exp.Expression) -> int:
    """Estimate the bytes that BigQuery would bill: rows times the widths of the columns in the statement."""
    named = {column.name.lower() for column in statement.find_all(exp.Column)}
    everything = statement.find(exp.Star) is not None and statement.find(exp.Count) is None
    total = 0
    for table in statement.find_all(exp.Table):
        resource = warehouse.catalog.find("table", table.db, table.name)
        if resource is None:
            continue
        if "view" in resource:
            total += sum(_bytes_read(warehouse, t) for t in Dialect(warehouse.project).parse(resource["view"]["query"]))
            continue
        fields = [f for f in resource["schema"]["fields"] if everything or f["name"].lower() in named]
        with warehouse.cursor() as cursor:
            found = cursor.execute(
                "select estimated_size from duckdb_tables() where schema_name = $1 and table_name = $2",
                [table.db, table.name],
            ).fetchall()
        total += (found[0][0] if found else 0) * row_bytes(fields)
    return total


def _store(warehouse: Warehouse, job: dict[str, Any], result: Result) -> None:
    """Write a query's result into the job's destination table."""
    reference = job["destinationTable"]
    table = (reference["datasetId"], reference["tableId"])
    with warehouse.lock:
        if warehouse.catalog.find("table", *table) is None:
            fields = [{**field, "mode": field.get("mode", "NULLABLE")} for field in result.fields]
            settings: dict[str, Any] = {key: job[key] for key in ("timePartitioning", "clustering") if key in job}
            body = {
                "tableReference": {"datasetId": table[0], "tableId": table[1]},
                "schema": {"fields": fields},
            }
            warehouse.create_table(*table, {**body, **settings})
        fields_by_name = {field["name"].lower(): field for field in warehouse.fields(*table)}
        rows = result.table.rename_columns([field["name"] for field in result.fields])
        with warehouse.transaction() as connection:
            apply_disposition(connection, table, job.get("writeDisposition", "WRITE_EMPTY"))
            insert_arrow(connection, table, fields_by_name, rows.schema, rows.to_batches())
