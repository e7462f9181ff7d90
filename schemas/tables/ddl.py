"""Tables, views and table functions as GoogleSQL DDL: for those who run SQL, and for Google's analyzer to check."""

import json
from collections.abc import Mapping

from schemas.tables.column import Column
from schemas.tables.lake import LAKE, PARTITIONS, LakeFeed
from schemas.tables.table import Table
from schemas.views import AS_OF_ARGUMENT, Names, View


def create_dataset(dataset: str, description: str, labels: Mapping[str, str], names: Names) -> str:
    """Return CREATE SCHEMA, in the location of the job that runs it."""
    pairs = ", ".join(f"({_text(key)}, {_text(value)})" for key, value in labels.items())
    return (
        f"CREATE SCHEMA IF NOT EXISTS `{names.project}`.`{dataset if dataset == LAKE else names.dataset(dataset)}`\n"
        f"OPTIONS (description = {_text(description)}, labels = [{pairs}])"
    )


def create_table(table: Table, names: Names) -> str:
    """Return CREATE TABLE with the table's partitions, clusters and descriptions."""
    columns = ",\n".join(f"  {_column(column)}" for column in table.columns)
    lines = [
        f"CREATE TABLE IF NOT EXISTS {_path(names, table.dataset, table.name)} (\n{columns}\n)",
        f"PARTITION BY {_partition(table)}",
        *([f"CLUSTER BY {', '.join(table.cluster)}"] if table.cluster else []),
        f"OPTIONS (description = {_text(table.description)})",
    ]
    return "\n".join(lines)


def create_view(view: View, names: Names) -> str:
    """Return CREATE OR REPLACE VIEW with the descriptions of its columns."""
    columns = ",\n".join(f"  {name} OPTIONS (description = {_text(what)})" for name, what in view.columns.items())
    return (
        f"CREATE OR REPLACE VIEW {_path(names, view.dataset, view.name)} (\n{columns}\n)\n"
        f"OPTIONS (description = {_text(view.description)})\nAS\n{view.query(names)}"
    )


def create_function(view: View, names: Names) -> str:
    """Return CREATE OR REPLACE TABLE FUNCTION of the view's "as of"."""
    path = _path(names, view.dataset, view.function or "")
    return (
        f"CREATE OR REPLACE TABLE FUNCTION {path}({AS_OF_ARGUMENT} TIMESTAMP)\n"
        f"OPTIONS (description = {_text(f'{view.description} As of a time: {view.as_of}.')})\n"
        f"AS (\n{view.as_of_query(names)}\n)"
    )


def create_external_table(feed: LakeFeed, names: Names) -> str:
    """Return CREATE EXTERNAL TABLE (BigLake) over the Parquet files of a feed.

    `${lake}` is the root of the files and `${connection}` the BigQuery connection that reads them. BigQuery takes the columns
    from the newest file.
    """
    folder = f"${{lake}}/{feed.folder}"
    partitions = ", ".join(f"{column.name} {column.type}" for column in PARTITIONS)
    return (
        f"CREATE OR REPLACE EXTERNAL TABLE `{names.project}`.`{LAKE}`.{feed.name}\n"
        f"WITH PARTITION COLUMNS ({partitions})\n"
        "WITH CONNECTION `${connection}`\n"
        f'OPTIONS (format = "PARQUET", uris = [{_text(f"{folder}/*.parquet")}], hive_partition_uri_prefix = {_text(folder)}, '
        f"description = {_text(feed.description)})"
    )


def type_of(column: Column) -> str:
    """Return the column's type in GoogleSQL."""
    type_name = column.type
    if column.fields:
        inner = (f"{f.name} {type_of(f)}{' NOT NULL' if f.required and not f.repeated else ''}" for f in column.fields)
        type_name = f"STRUCT<{', '.join(inner)}>"
    return f"ARRAY<{type_name}>" if column.repeated else type_name


def _column(column: Column) -> str:
    required = " NOT NULL" if column.required and not column.repeated else ""
    options = f" OPTIONS (description = {_text(column.description)})" if column.description else ""
    return f"{column.name} {type_of(column)}{required}{options}"


def _partition(table: Table) -> str:
    column, kind = table.partition
    return f"DATE({column})" if kind == "DAY" else f"TIMESTAMP_TRUNC({column}, {kind})"


def _path(names: Names, dataset: str, name: str) -> str:
    return f"`{names.project}`.`{names.dataset(dataset)}`.{name}"


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
