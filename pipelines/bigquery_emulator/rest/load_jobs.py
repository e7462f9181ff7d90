"""Run load jobs (NDJSON, Avro and Parquet, uploaded or from files) and copy jobs."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Iterable, Iterator
from typing import Any

import duckdb
import fastavro
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.bigquery_emulator.errors import ApiError
from pipelines.bigquery_emulator.rest.file_access import FileAccess
from pipelines.bigquery_emulator.sql.schema_changes import change_schema
from pipelines.bigquery_emulator.store.arrow_insert import insert_arrow
from pipelines.bigquery_emulator.store.types import Field, arrow_type, field_of, quoted
from pipelines.bigquery_emulator.store.warehouse import Warehouse
from pipelines.bigquery_emulator.values.json_rows import RowError, convert_row, to_batch

_ROWS_A_BATCH = 10_000


def load_rows(warehouse: Warehouse, files: FileAccess, job: dict[str, Any], data: bytes | None) -> dict[str, Any]:
    """Run a load job in one transaction; return its statistics."""
    blobs = [data] if data is not None else [blob for uri in job.get("sourceUris", []) for blob in files.read(uri)]
    table = _target(job)
    given = job.get("schema", {}).get("fields", [])
    with warehouse.lock:
        if warehouse.catalog.find("table", *table) is None:
            _may_create(warehouse, job, table)
            fields = given or _inferred(warehouse, job, blobs)
            layout = ("timePartitioning", "rangePartitioning", "clustering")
            settings: dict[str, Any] = {key: job[key] for key in layout if key in job}
            body = {"tableReference": _reference(table), "schema": {"fields": fields}, **settings}
            warehouse.create_table(*table, body)
        elif given and "ALLOW_FIELD_ADDITION" in job.get("schemaUpdateOptions", []):
            change_schema(warehouse, *table, {**warehouse.catalog.table(*table), "schema": {"fields": given}})
        fields = warehouse.fields(*table)
        by_name = {field["name"].lower(): field for field in fields}
        count = 0
        with warehouse.transaction() as connection:
            apply_disposition(connection, table, job.get("writeDisposition", "WRITE_APPEND"))
            for batch in itertools.chain.from_iterable(_batches(job, blob, fields) for blob in blobs):
                insert_arrow(connection, table, by_name, batch.schema, [batch])
                count += batch.num_rows
    size = str(sum(map(len, blobs)))
    return {
        "inputFiles": str(len(blobs)),
        "inputFileBytes": size,
        "outputRows": str(count),
        "outputBytes": size,
        "badRecords": "0",
    }


def copy_tables(warehouse: Warehouse, job: dict[str, Any]) -> dict[str, Any]:
    """Run a copy job in one transaction; return its statistics."""
    table = _target(job)
    references = job.get("sourceTables") or [job["sourceTable"]]
    sources = [(reference["datasetId"], reference["tableId"]) for reference in references]
    with warehouse.lock:
        first = warehouse.catalog.table(*sources[0])
        if warehouse.catalog.find("table", *table) is None:
            _may_create(warehouse, job, table)
            kept: dict[str, Any] = {
                key: first[key] for key in ("schema", "timePartitioning", "clustering") if key in first
            }
            warehouse.create_table(*table, {"tableReference": _reference(table), **kept})
        count = 0
        with warehouse.transaction() as connection:
            apply_disposition(connection, table, job.get("writeDisposition", "WRITE_EMPTY"))
            for source in sources:
                inserted = connection.execute(f"insert into {quoted(*table)} by name from {quoted(*source)}").fetchall()
                count += inserted[0][0]
    return {"copiedRows": str(count)}


def apply_disposition(connection: duckdb.DuckDBPyConnection, table: tuple[str, str], disposition: str) -> None:
    """Apply a write disposition: WRITE_TRUNCATE empties the table, WRITE_EMPTY rejects one with rows."""
    if disposition == "WRITE_TRUNCATE":
        connection.execute(f"delete from {quoted(*table)}").fetchall()
    elif disposition == "WRITE_EMPTY" and connection.execute(f"from {quoted(*table)} limit 1").fetchall():
        raise ApiError("duplicate", f"Already Exists: Table {table[0]}.{table[1]}")


def _target(job: dict[str, Any]) -> tuple[str, str]:
    reference = job["destinationTable"]
    return reference["datasetId"], reference["tableId"].split("$")[0]


def _reference(table: tuple[str, str]) -> dict[str, str]:
    return {"datasetId": table[0], "tableId": table[1]}


def _may_create(warehouse: Warehouse, job: dict[str, Any], table: tuple[str, str]) -> None:
    if job.get("createDisposition", "CREATE_IF_NEEDED") == "CREATE_NEVER":
        warehouse.catalog.table(*table)  # raises notFound


def _batches(job: dict[str, Any], blob: bytes, fields: list[Field]) -> Iterator[pa.RecordBatch]:
    """Read one file as record batches of the table's Arrow types; ApiError invalid at the first invalid row."""
    source = job.get("sourceFormat", "CSV")
    try:
        if source == "PARQUET":
            types = {field["name"].lower(): arrow_type(field) for field in fields}
            table = pq.read_table(io.BytesIO(blob))
            wanted = pa.schema([(name, types[name.lower()]) for name in table.schema.names])
            yield from table.cast(wanted).to_batches(max_chunksize=_ROWS_A_BATCH)
            return
        if source == "AVRO":
            records: Iterable[Any] = fastavro.reader(io.BytesIO(blob))
        elif source == "NEWLINE_DELIMITED_JSON":
            records = (json.loads(line) for line in blob.splitlines() if line.strip())
        else:
            raise ApiError("invalid", f"The BigQuery emulator does not support loading {source}")
        ignore = bool(job.get("ignoreUnknownValues"))
        for part in _batched(records):
            yield to_batch([convert_row(fields, record, ignore_unknown=ignore) for record in part], fields)
    except (RowError, KeyError, pa.ArrowException, ValueError, EOFError) as error:
        raise ApiError("invalid", f"Error while reading data, error message: {error}") from None


def _batched(records: Iterable[Any]) -> Iterator[list[Any]]:
    iterator = iter(records)
    while part := list(itertools.islice(iterator, _ROWS_A_BATCH)):
        yield part


def _inferred(warehouse: Warehouse, job: dict[str, Any], blobs: list[bytes]) -> list[Field]:
    """Return the fields of a Parquet or Avro file."""
    if not blobs or job.get("sourceFormat") not in ("PARQUET", "AVRO"):
        raise ApiError("invalid", "Schema has no fields")
    if job["sourceFormat"] == "PARQUET":
        sample = pq.read_table(io.BytesIO(blobs[0]))
    else:
        sample = pa.Table.from_pylist(list(itertools.islice(fastavro.reader(io.BytesIO(blobs[0])), 1000)))
    with warehouse.cursor() as cursor:
        cursor.register("__sample", sample.slice(0, 0))
        columns: list[Any] = cursor.sql("from __sample").description
        return [field_of(column[0], column[1]) for column in columns]
