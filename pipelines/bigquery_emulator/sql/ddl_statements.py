"""Run DDL statements of GoogleSQL: change the tables of DuckDB and the REST resources.

PARTITION BY, CLUSTER BY and OPTIONS mean nothing to DuckDB; they are kept in the resource, as tables.insert keeps them.
"""

from __future__ import annotations

from typing import Any

import duckdb
from sqlglot import exp

from pipelines.bigquery_emulator.errors import ApiError, already_exists
from pipelines.bigquery_emulator.sql.schema_changes import create_routine, create_view, drop_routine
from pipelines.bigquery_emulator.sql.translate import duck_sql
from pipelines.bigquery_emulator.store.types import quoted
from pipelines.bigquery_emulator.store.warehouse import Warehouse
from pipelines.bigquery_emulator.values.query_parameters import bound


def create(
    warehouse: Warehouse, connection: duckdb.DuckDBPyConnection, statement: exp.Create, values: dict[str, Any]
) -> None:
    """Run CREATE [OR REPLACE] SCHEMA, TABLE, VIEW, FUNCTION or TABLE FUNCTION."""
    target = statement.find(exp.Table)
    if target is None:
        raise ApiError("invalidQuery", "CREATE without a name")
    dataset, name, kind = target.db, target.name, statement.args["kind"]
    known = warehouse.catalog.find(*_key(kind, dataset, name))
    if known is not None and statement.args.get("exists"):
        return
    if known is not None and not statement.args.get("replace"):
        raise already_exists(kind.capitalize(), f"{warehouse.project}:{dataset}.{name}")
    options = _options(statement.args.get("properties"))
    google_sql = statement.meta.get("google_sql", "")
    match kind:
        case "SCHEMA":
            warehouse.create_dataset({"datasetReference": {"datasetId": dataset}, **options})
        case "VIEW":
            body = {"tableReference": _reference(dataset, name), "view": {"query": google_sql}, **options}
            body["schema"] = {"fields": _described(statement)}
            create_view(warehouse, dataset, name, body, replace=known is not None)
        case "TABLE":
            warehouse.catalog.dataset(dataset)
            if known is not None:
                warehouse.drop_table(dataset, name)
            body = {
                "tableReference": _reference(dataset, name),
                "type": "TABLE",
                **options,
                **_layout(statement),
            }
            expiration = body.pop("partitionExpirationMs", None)
            if expiration is not None and "timePartitioning" in body:
                body["timePartitioning"]["expirationMs"] = expiration
            _create_table(warehouse, connection, statement, values, body)
        case "FUNCTION":
            arguments = [column for column in statement.this.expressions if isinstance(column, exp.ColumnDef)]
            is_table = isinstance(statement.expression, exp.Query)
            routine = {
                "routineType": "TABLE_VALUED_FUNCTION" if is_table else "SCALAR_FUNCTION",
                "definitionBody": google_sql,
                "arguments": [{"name": a.name, "dataType": {"typeKind": a.kind.sql("bigquery")}} for a in arguments],
                **options,
            }
            create_routine(warehouse, dataset, name, routine, replace=known is not None)
        case _:
            raise ApiError("invalidQuery", f"CREATE {kind} is not supported by the BigQuery emulator")


def drop(warehouse: Warehouse, statement: exp.Drop) -> None:
    """Run DROP SCHEMA, TABLE, VIEW or FUNCTION."""
    kind = statement.args["kind"]
    for target in statement.find_all(exp.Table):
        key = _key(kind, target.db, target.name)
        if warehouse.catalog.find(*key) is None and statement.args.get("exists"):
            continue
        if key[0] == "dataset":
            warehouse.drop_dataset(target.db, contents=bool(statement.args.get("cascade")))
        elif key[0] == "routine":
            drop_routine(warehouse, target.db, target.name)
        else:
            warehouse.drop_table(target.db, target.name)


def synchronize(warehouse: Warehouse, connection: duckdb.DuckDBPyConnection, dataset: str, name: str) -> None:
    """Update a table's resource to the columns that DuckDB has; keep descriptions and policy tags."""
    resource = warehouse.catalog.table(dataset, name)
    known = {field["name"].lower(): field for field in resource.get("schema", {}).get("fields", [])}
    required = connection.execute(
        """select column_name from duckdb_columns()
           where database_name = current_database() and schema_name = $1 and table_name = $2 and not is_nullable""",
        [dataset, name],
    ).fetchall()
    fields = []
    for field in warehouse.describe(connection, dataset, name):
        kept = {k: v for k, v in known.get(field["name"].lower(), {}).items() if k in ("description", "policyTags")}
        mode = "REQUIRED" if (field["name"],) in required else field["mode"]
        fields.append({**field, "mode": mode, **kept})
    warehouse.save_table(dataset, name, {**resource, "schema": {"fields": fields}})


def _key(kind: str, dataset: str, name: str) -> tuple[str, str, str]:
    if kind == "SCHEMA":
        return "dataset", dataset, ""
    return ("routine" if kind == "FUNCTION" else "table"), dataset, name


def _reference(dataset: str, name: str) -> dict[str, str]:
    return {"datasetId": dataset, "tableId": name}


def _options(properties: exp.Properties | None) -> dict[str, Any]:
    """Return the OPTIONS that have keys in a REST resource."""
    options: dict[str, Any] = {}
    for item in properties.expressions if properties else []:
        if type(item) is not exp.Property:
            continue
        if item.name.lower() in ("description", "friendly_name", "location"):
            options[{"friendly_name": "friendlyName"}.get(item.name.lower(), item.name.lower())] = item.args[
                "value"
            ].name
        elif item.name.lower() == "require_partition_filter":
            options["requirePartitionFilter"] = item.args["value"].sql().lower() == "true"
        elif item.name.lower() == "partition_expiration_days":
            options["partitionExpirationMs"] = str(int(float(item.args["value"].name) * 86_400_000))
        elif item.name.lower() == "labels":
            pairs = [[leaf.name for leaf in pair.expressions] for pair in item.args["value"].find_all(exp.Tuple)]
            options["labels"] = dict(pairs)
    return options


def _layout(statement: exp.Create) -> dict[str, Any]:
    """Return timePartitioning and clustering from PARTITION BY and CLUSTER BY."""
    layout: dict[str, Any] = {}
    properties = statement.args.get("properties")
    partition = properties.find(exp.PartitionedByProperty) if properties else None
    if partition is not None:
        column = partition.find(exp.Column)
        unit = partition.find(exp.Var)
        layout["timePartitioning"] = {"type": unit.name.upper() if unit else "DAY"}
        if column is not None and not column.name.startswith("_PARTITION"):
            layout["timePartitioning"]["field"] = column.name
    cluster = properties.find(exp.ClusterProperty) if properties else None
    if cluster is not None:
        layout["clustering"] = {"fields": [column.name for column in cluster.expressions]}
    return layout


def _create_table(
    warehouse: Warehouse,
    connection: duckdb.DuckDBPyConnection,
    statement: exp.Create,
    values: dict[str, Any],
    body: dict[str, Any],
) -> None:
    """Create a table from columns, from a query, from both, or like another one."""
    reference = body["tableReference"]
    dataset, name = reference["datasetId"], reference["tableId"]
    query, source = statement.args.get("expression"), _source(statement)
    if source is not None:
        # LIKE copies all metadata; COPY and CLONE also copy the rows
        original = warehouse.catalog.table(source.db, source.name)
        kept = {key: value for key, value in original.items() if key not in _OWN_KEYS}
        warehouse.create_table(dataset, name, {**kept, **body})
        if statement.args.get("clone") is not None:
            query = exp.select("*").from_(source.copy())
    else:
        statement.set("properties", None)
        if isinstance(statement.this, exp.Schema) and query is not None:
            statement.set("expression", None)
        connection.execute(duck_sql(statement), bound(statement, values)).fetchall()
        body["schema"] = {"fields": _described(statement)}
        warehouse.save_table(dataset, name, body)
        synchronize(warehouse, connection, dataset, name)
        if statement.args.get("expression") is not None:
            query = None  # CREATE TABLE AS has inserted its rows
        for field in warehouse.fields(dataset, name):
            if field.get("mode") == "REPEATED":
                table, column = quoted(dataset, name), quoted(field["name"])
                connection.execute(f"alter table {table} alter {column} set default []").fetchall()
                connection.execute(f"update {table} set {column} = [] where {column} is null").fetchall()
    if query is not None:
        insert = exp.insert(query, exp.table_(name, db=dataset, quoted=True))
        connection.execute(duck_sql(insert), bound(insert, values)).fetchall()


_OWN_KEYS = ("tableReference", "creationTime", "lastModifiedTime", "etag", "id", "kind", "selfLink", "type")


def _source(statement: exp.Create) -> exp.Table | None:
    """Return the table of LIKE, COPY or CLONE."""
    clone = statement.args.get("clone")
    properties = statement.args.get("properties")
    like = clone or (properties.find(exp.LikeProperty) if properties else None)
    return like.this if like is not None else None


def _described(statement: exp.Create) -> list[dict[str, Any]]:
    """Return the column names of a statement with their descriptions; the types are read from DuckDB."""
    described = []
    for column in statement.this.expressions if isinstance(statement.this, exp.Schema) else []:
        options = next(column.find_all(exp.Properties), None)
        described.append({"name": column.name, **{k: v for k, v in _options(options).items() if k == "description"}})
    return described
