"""google.cloud.bigquery.storage.v1.BigQueryRead over the warehouse, with rows as Arrow (to_dataframe, to_arrow) or as Avro.

A session has one stream, none when there are no rows. A table is read when its stream is, in the order of its rows; the
result of a query is read from memory, as long as its job is kept. Sampling and snapshots of the past are rejected or
ignored as docs/bigquery-emulator.md lists.
"""

from __future__ import annotations

import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import duckdb
import grpc
import pyarrow as pa

from pipelines.bigquery_emulator.errors import ApiError, from_duckdb
from pipelines.bigquery_emulator.rpc.server import TABLE_NAME, message_class, server_stream, unary
from pipelines.bigquery_emulator.sql.translate import Dialect
from pipelines.bigquery_emulator.storage_read.avro_rows import avro_schema, encode_rows, schema_text
from pipelines.bigquery_emulator.store.types import Field, quoted, read_type
from pipelines.bigquery_emulator.store.warehouse import Warehouse
from pipelines.bigquery_emulator.values.results import RESULTS_DATASET, Result

_ROWS_PER_RESPONSE = 8192
_KEPT_SESSIONS = 1000
_AVRO_FORMAT, _ARROW_FORMAT = 1, 2
_CODES = {"notFound": grpc.StatusCode.NOT_FOUND, "notImplemented": grpc.StatusCode.UNIMPLEMENTED}


@dataclass(frozen=True)
class _Session:
    """What a session reads: fields, and either a finished result or a query."""

    fields: list[Field]
    schema: pa.Schema
    result: Result | None
    sql: str
    avro: dict[str, Any] | None = None
    """The schema of a session that is read as Avro."""


class ReadService:
    """The calls of BigQueryRead; `find_result` returns the result of a kept query job by its id."""

    def __init__(self, warehouse: Warehouse, find_result: Callable[[str], Result | None]) -> None:
        self._warehouse = warehouse
        self._find_result = find_result
        self._sessions: OrderedDict[str, _Session] = OrderedDict()
        self._lock = threading.Lock()

    def create_read_session(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Begin to read a table: answer its Arrow schema and its stream."""
        wanted = request.read_session
        try:
            session, rows = self._open(wanted)
        except ApiError as error:
            context.abort(_CODES.get(error.reason, grpc.StatusCode.INVALID_ARGUMENT), error.message)
        except duckdb.Error as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, from_duckdb(error).message)
        if wanted.data_format == _AVRO_FORMAT:
            session = replace(session, avro=avro_schema(session.fields))
        name = f"{request.parent}/locations/us/sessions/{uuid.uuid4().hex}"
        with self._lock:
            self._sessions[name] = session
            while len(self._sessions) > _KEPT_SESSIONS:
                self._sessions.popitem(last=False)
        answer = message_class("ReadSession")(name=name, table=wanted.table)
        answer.data_format = _ARROW_FORMAT if session.avro is None else _AVRO_FORMAT
        answer.read_options.CopyFrom(wanted.read_options)
        _add_schema(answer, session)
        answer.estimated_row_count = rows
        if rows:
            answer.streams.add(name=f"{name}/streams/0")
        return answer

    def read_rows(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        """Send the rows of a stream from an offset on."""
        with self._lock:
            session = self._sessions.get(request.read_stream.rpartition("/streams/")[0])
        if session is None:
            context.abort(grpc.StatusCode.NOT_FOUND, f"Not found: stream {request.read_stream}")
            return
        first = True
        for batch in self._batches(session, request.offset):
            answer = message_class("ReadRowsResponse")(row_count=batch.num_rows)
            if session.avro is not None:
                answer.avro_rows.serialized_binary_rows = encode_rows(session.fields, session.avro, batch)
                answer.avro_rows.row_count = batch.num_rows
            else:
                answer.arrow_record_batch.serialized_record_batch = batch.serialize().to_pybytes()
                answer.arrow_record_batch.row_count = batch.num_rows
            if first:
                _add_schema(answer, session)
                first = False
            yield answer

    def split_read_stream(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Answer that the stream cannot be split."""
        return message_class("SplitReadStreamResponse")()

    def _open(self, wanted: Any) -> tuple[_Session, int]:
        if wanted.data_format not in (0, _AVRO_FORMAT, _ARROW_FORMAT):
            raise ApiError("notImplemented", "The BigQuery emulator reads in the formats Arrow and Avro only")
        match = TABLE_NAME.fullmatch(wanted.table)
        if match is None:
            raise ApiError("invalid", f"Not the name of a table: {wanted.table!r}")
        dataset, table, options = match[2], match[3], wanted.read_options
        if dataset == RESULTS_DATASET:
            return self._of_result(table, options)
        fields = _chosen(self._warehouse.fields(dataset, table), options.selected_fields)
        where = ""
        if options.row_restriction:
            where = f"where {self._dialect().expression(options.row_restriction)}"
        order = "" if "view" in self._warehouse.catalog.table(dataset, table) else "order by rowid"
        names = ", ".join(quoted(field["name"]) for field in fields)
        source = f"from {quoted(dataset, table)} {where}"
        with self._warehouse.cursor() as cursor:
            rows = cursor.execute(f"select count(*) {source}").fetchall()[0][0]
        return _Session(fields, _schema(fields), None, f"select {names} {source} {order}"), rows

    def _of_result(self, job: str, options: Any) -> tuple[_Session, int]:
        result = self._find_result(job)
        if result is None:
            raise ApiError("notFound", f"Not found: the result of job {job} is no longer kept")
        if options.row_restriction:
            raise ApiError("notImplemented", "The BigQuery emulator does not restrict the rows of a query's result")
        fields = _chosen(result.fields, options.selected_fields)
        positions = [result.fields.index(field) for field in fields]
        return _Session(
            fields, _schema(fields), Result(fields, result.table.select(positions)), ""
        ), result.table.num_rows

    def _dialect(self) -> Dialect:
        return Dialect(self._warehouse.project, catalog=self._warehouse.catalog)

    def _batches(self, session: _Session, offset: int) -> Iterator[pa.RecordBatch]:
        if session.result is not None:
            table = session.result.table.slice(offset)
            yield from _typed(table, session.schema).to_batches(max_chunksize=_ROWS_PER_RESPONSE)
            return
        with self._warehouse.query_memory(), self._warehouse.cursor() as cursor:
            reader = cursor.sql(f"{session.sql} offset {offset}").to_arrow_reader(_ROWS_PER_RESPONSE)
            for batch in reader:
                yield from _typed(pa.Table.from_batches([batch]), session.schema).to_batches()


def handlers(service: ReadService) -> grpc.GenericRpcHandler:
    """Return the handlers of BigQueryRead."""
    calls = {
        "CreateReadSession": unary(service.create_read_session, "CreateReadSessionRequest"),
        "ReadRows": server_stream(service.read_rows, "ReadRowsRequest"),
        "SplitReadStream": unary(service.split_read_stream, "SplitReadStreamRequest"),
    }
    return grpc.method_handlers_generic_handler("google.cloud.bigquery.storage.v1.BigQueryRead", calls)


def _add_schema(answer: Any, session: _Session) -> None:
    if session.avro is not None:
        answer.avro_schema.schema = schema_text(session.avro)
    else:
        answer.arrow_schema.serialized_schema = session.schema.serialize().to_pybytes()


def _chosen(fields: list[Field], names: Any) -> list[Field]:
    wanted = {name.lower() for name in names}
    known = {field["name"].lower() for field in fields}
    if absent := sorted(wanted - known):
        raise ApiError("invalid", f"The table has no field {absent[0]}")
    return [field for field in fields if not wanted or field["name"].lower() in wanted]


def _schema(fields: list[Field]) -> pa.Schema:
    return pa.schema([pa.field(field["name"], read_type(field)) for field in fields])


def _typed(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return a result of DuckDB under the Arrow types of BigQuery."""
    columns = []
    for column, field in zip(table.columns, schema, strict=True):
        if isinstance(column.type, pa.BaseExtensionType):  # JSON: its text
            column = column.cast(column.type.storage_type)
        columns.append(column.cast(field.type))
    return pa.Table.from_arrays(columns, schema=schema)
