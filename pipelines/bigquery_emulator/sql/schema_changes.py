"""Change table columns, views and functions."""

from __future__ import annotations

from typing import Any

from pipelines.bigquery_emulator.errors import ApiError, already_exists
from pipelines.bigquery_emulator.sql.translate import Dialect
from pipelines.bigquery_emulator.store.catalog import Resource
from pipelines.bigquery_emulator.store.types import Field, column_ddl, kind, normal, quoted
from pipelines.bigquery_emulator.store.warehouse import EMPTY_COLUMN, Warehouse


def change_schema(warehouse: Warehouse, dataset: str, name: str, body: Resource) -> Resource:
    """Save a table's new resource: add columns and relax REQUIRED; reject other changes, as BigQuery does."""
    known = warehouse.fields(dataset, name)
    wanted = [normal(field) for field in body.get("schema", {}).get("fields", known)]
    table = quoted(dataset, name)
    by_name = {field["name"].lower(): field for field in wanted}
    statements = []
    if body.get("type", "TABLE") == "TABLE":
        for field in known:
            new = by_name.pop(field["name"].lower(), None)
            if new is None:
                raise _schema_mismatch(warehouse, dataset, name, f"Field {field['name']} is missing in new schema")
            statements += _changes(warehouse, dataset, name, field, new)
        for field in by_name.values():
            if field["mode"] == "REQUIRED" and known:
                raise _schema_mismatch(
                    warehouse,
                    dataset,
                    name,
                    f"Cannot add required fields to an existing schema. (field: {field['name']})",
                )
            statements.append(f"alter table {table} add column {column_ddl(field)}")
        if statements and not known:
            statements.append(f"alter table {table} drop column {EMPTY_COLUMN}")
    with warehouse.transaction() as connection:
        for statement in statements:
            connection.execute(statement).fetchall()
        schema = {**body.get("schema", {}), "fields": wanted}
        return warehouse.save_table(dataset, name, {**body, "schema": schema})


def _changes(warehouse: Warehouse, dataset: str, name: str, old: Field, new: Field) -> list[str]:
    """Return the statements that change one existing column."""
    if kind(old) != kind(new) or ("REPEATED" in (old["mode"], new["mode"]) and old["mode"] != new["mode"]):
        raise _schema_mismatch(warehouse, dataset, name, f"Field {old['name']} has changed type or mode")
    if new["mode"] == "REQUIRED" and old["mode"] == "NULLABLE":
        raise _schema_mismatch(
            warehouse, dataset, name, f"Field {old['name']} has changed mode from NULLABLE to REQUIRED"
        )
    column = f"alter table {quoted(dataset, name)} alter column {quoted(old['name'])}"
    out = [f"{column} drop not null"] if old["mode"] == "REQUIRED" and new["mode"] == "NULLABLE" else []
    if kind(old) == "RECORD" and _shape(old) != _shape(new):
        raise _schema_mismatch(
            warehouse,
            dataset,
            name,
            f"Field {old['name']}: the emulator does not change the fields of a record",
        )
    return out


def _shape(field: Field) -> Any:
    return [(child["name"].lower(), kind(child), child["mode"], _shape(child)) for child in field.get("fields", [])]


def _schema_mismatch(warehouse: Warehouse, dataset: str, name: str, why: str) -> ApiError:
    return ApiError("invalid", f"Provided Schema does not match Table {warehouse.project}:{dataset}.{name}. {why}")


def create_view(warehouse: Warehouse, dataset: str, name: str, body: Resource, *, replace: bool = False) -> Resource:
    """Create a view from the GoogleSQL of its resource; the resource keeps the GoogleSQL."""
    warehouse.catalog.dataset(dataset)
    if warehouse.catalog.find("table", dataset, name) and not replace:
        raise already_exists("Table", f"{warehouse.project}:{dataset}.{name}")
    if body["view"].get("useLegacySql"):
        raise ApiError("invalidQuery", "Legacy SQL is not supported")
    query = Dialect(warehouse.project, catalog=warehouse.catalog).query(body["view"]["query"])
    with warehouse.transaction() as connection:
        connection.execute(f"create or replace view {quoted(dataset, name)} as {query}").fetchall()
        fields = warehouse.describe(connection, dataset, name)
        given = {field["name"].lower(): field for field in body.get("schema", {}).get("fields", [])}
        for field in fields:
            described = given.get(field["name"].lower(), {})
            field.update({key: described[key] for key in ("description", "policyTags") if key in described})
        view = {"useLegacySql": False, **body["view"]}
        return warehouse.save_table(dataset, name, {**body, "type": "VIEW", "view": view, "schema": {"fields": fields}})


def create_routine(warehouse: Warehouse, dataset: str, name: str, body: Resource, *, replace: bool = False) -> Resource:
    """Create a table-valued function as a DuckDB table macro, a scalar SQL function as a macro."""
    warehouse.catalog.dataset(dataset)
    if warehouse.catalog.find("routine", dataset, name) and not replace:
        raise already_exists("Routine", f"{warehouse.project}:{dataset}.{name}")
    if (
        body.get("routineType") not in ("TABLE_VALUED_FUNCTION", "SCALAR_FUNCTION")
        or body.get("language", "SQL") != "SQL"
    ):
        raise ApiError("notImplemented", "Only SQL functions are supported by the BigQuery emulator")
    arguments = [argument["name"] for argument in body.get("arguments", [])]
    dialect = Dialect(warehouse.project, catalog=warehouse.catalog)
    if body["routineType"] == "TABLE_VALUED_FUNCTION":
        result = f"table {dialect.query(body['definitionBody'], arguments)}"
    else:
        result = f"({dialect.expression(body['definitionBody'])})"
    with warehouse.transaction() as connection:
        names = ", ".join(map(quoted, arguments))
        connection.execute(f"create or replace macro {quoted(dataset, name)}({names}) as {result}").fetchall()
        reference = {"datasetId": dataset, "routineId": name}
        return warehouse.catalog.save(
            "routine", dataset, name, {"language": "SQL", **body, "routineReference": reference}
        )


def drop_routine(warehouse: Warehouse, dataset: str, name: str) -> None:
    """Drop a function."""
    table = warehouse.catalog.routine(dataset, name)["routineType"] == "TABLE_VALUED_FUNCTION"
    with warehouse.transaction() as connection:
        connection.execute(f"drop macro {'table ' if table else ''}if exists {quoted(dataset, name)}").fetchall()
        warehouse.catalog.drop("routine", dataset, name)
