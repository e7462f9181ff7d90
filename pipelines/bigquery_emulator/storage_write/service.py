"""Serve google.cloud.bigquery.storage.v1.BigQueryWrite over the warehouse.

Offsets and states are in store/write_streams.py, row checks in values/row_checks.py, inserts in store/arrow_insert.py.
A request is checked completely before it is written: one row error rejects all rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

import duckdb
import grpc
from google.protobuf import any_pb2
from google.rpc import status_pb2

from pipelines.bigquery_emulator.errors import ApiError, WriteError, disk_status
from pipelines.bigquery_emulator.faults.injector import Effect, Faults
from pipelines.bigquery_emulator.memory import release_memory
from pipelines.bigquery_emulator.rpc.server import TABLE_NAME, both_streams, message_class, unary
from pipelines.bigquery_emulator.status_codes import INVALID_ARGUMENT, NOT_FOUND, TABLE_NOT_FOUND, UNAVAILABLE
from pipelines.bigquery_emulator.storage_write.connection import AppendConnection
from pipelines.bigquery_emulator.store.arrow_insert import BatchInserter, insert_arrow
from pipelines.bigquery_emulator.store.warehouse import Warehouse
from pipelines.bigquery_emulator.store.write_streams import Stream, Streams

_CODES = {code.value[0]: code for code in grpc.StatusCode}


_Response, _Stream, _CommitResponse = (
    message_class("AppendRowsResponse"),
    message_class("WriteStream"),
    message_class("BatchCommitWriteStreamsResponse"),
)
_StorageError, _FinalizeResponse, _RowError = (
    message_class("StorageError"),
    message_class("FinalizeWriteStreamResponse"),
    message_class("RowError"),
)


class WriteService:
    """The calls of BigQueryWrite except FlushRows."""

    def __init__(self, warehouse: Warehouse, streams: Streams, faults: Faults) -> None:
        self._warehouse = warehouse
        self._streams = streams
        self._faults = faults
        self._inserter = BatchInserter(warehouse)

    def create_write_stream(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Create a COMMITTED or PENDING stream on a table."""
        with self._answering("create_stream", request.parent, context) as table:
            self._fields(table)
            stream = self._streams.create(request.parent, table, request.write_stream.type_)
            return self._described(stream)

    def get_write_stream(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Describe a stream; the default stream always exists."""
        with self._answering("get_stream", request.name, context) as table:
            self._fields(table)
            if request.name.endswith("/_default"):
                return _Stream(name=request.name, type_=1)
            return self._described(self._streams.get(request.name))

    def finalize_write_stream(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Finalize a stream: it accepts no more appends."""
        with self._answering("finalize", request.name, context):
            stream = self._streams.get(request.name)
            with stream.lock:
                stream.finalized = True
            return _FinalizeResponse(row_count=stream.rows)

    def batch_commit_write_streams(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Commit all streams of one table in one transaction, or none."""
        with self._answering("commit", request.parent, context) as table:
            fields = self._fields(table)
            names = list(dict.fromkeys(request.write_streams))
            release_memory()
            response = _CommitResponse()
            with self._warehouse.lock:
                rejected = self._streams.uncommittable(table, names)
                if rejected:
                    response.stream_errors.extend(_storage_error(error) for error in rejected)
                    return response
                with self._warehouse.transaction() as connection:
                    for schema, batches in self._streams.batches(names):
                        insert_arrow(connection, table, fields, schema, batches)
                self._streams.committed(names)
            response.commit_time.GetCurrentTime()
            return response

    def append_rows(self, requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
        """Answer each request of an append connection, in order."""
        connection = AppendConnection(self._warehouse, self._streams, self._inserter)
        for request in requests:
            effect = self._before("append", connection.target(request), context)
            try:
                response = connection.append(request, effect or Effect())
            except WriteError as error:
                if error.closes:
                    _abort(context, error)
                response = _rejection(error, connection.stream_name)
            if effect and effect.reply_lost:
                context.abort(_CODES[UNAVAILABLE], "Connection reset (fault script)")
            yield response
            if effect and effect.close_stream:
                return

    def _fields(self, table: tuple[str, str]) -> dict[str, Any]:
        return {field["name"].lower(): field for field in self._warehouse.fields(*table)}

    def _described(self, stream: Stream) -> Any:
        described = _Stream(name=stream.name, type_=stream.type)
        described.create_time.FromSeconds(stream.created)
        return described

    def _before(self, point: str, table: str | None, context: grpc.ServicerContext) -> Effect | None:
        effect = self._faults.effect_at((point,), table)
        if effect is not None:
            self._faults.wait(effect)
            if effect.status is not None and not effect.reply_lost:
                context.abort(_CODES[effect.grpc_code()], "Rejected by the fault script")
        return effect

    def _answering(self, point: str, name: str, context: grpc.ServicerContext) -> _Answering:
        match = TABLE_NAME.match(name)
        table = (match[2], match[3]) if match else ("", "")
        effect = self._before(point, table[1] or None, context)
        return _Answering(table, effect, context)


class _Answering:
    """Translate exceptions of a unary call to its gRPC status, and drop the reply when a fault says so."""

    def __init__(self, table: tuple[str, str], effect: Effect | None, context: grpc.ServicerContext) -> None:
        self._table, self._strike, self._context = table, effect, context

    def __enter__(self) -> tuple[str, str]:
        if not all(self._table):
            self._context.abort(_CODES[INVALID_ARGUMENT], "The name is not projects/P/datasets/D/tables/T")
        return self._table

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ApiError) and error.reason == "notFound":
            _abort(self._context, WriteError(NOT_FOUND, error.message, storage_code=TABLE_NOT_FOUND))
        if isinstance(error, WriteError):
            _abort(self._context, error)
        if isinstance(error, duckdb.Error):
            self._context.abort(_CODES[disk_status(error)], f"{type(error).__name__} in the warehouse")
        if error is None and self._strike is not None and self._strike.reply_lost:
            self._context.abort(_CODES[UNAVAILABLE], "Connection reset (fault script)")


def _storage_error(error: WriteError) -> Any:
    return _StorageError(code=error.storage_code, entity=error.entity, error_message=error.message)


def _status(error: WriteError) -> status_pb2.Status:
    """Return the google.rpc.Status, with the StorageError in its details as Google's clients look for it."""
    status = status_pb2.Status(code=error.code, message=error.message)
    if error.storage_code:
        packed = any_pb2.Any()
        packed.Pack(_storage_error(error))
        status.details.append(packed)
    return status


def _abort(context: grpc.ServicerContext, error: WriteError) -> NoReturn:
    context.set_trailing_metadata((("grpc-status-details-bin", _status(error).SerializeToString()),))
    context.abort(_CODES[error.code], error.message)
    raise AssertionError("abort raises")


def _rejection(error: WriteError, stream_name: str) -> Any:
    """Return the answer for a rejected request of a connection that stays open."""
    response = _Response(write_stream=stream_name)
    response.error.CopyFrom(_status(error))
    response.row_errors.extend(_RowError(index=row, code=1, message=message) for row, message in error.row_errors)
    return response


def handlers(service: WriteService) -> grpc.GenericRpcHandler:
    """Return the handlers of BigQueryWrite."""
    calls = {
        "CreateWriteStream": unary(service.create_write_stream, "CreateWriteStreamRequest"),
        "GetWriteStream": unary(service.get_write_stream, "GetWriteStreamRequest"),
        "FinalizeWriteStream": unary(service.finalize_write_stream, "FinalizeWriteStreamRequest"),
        "BatchCommitWriteStreams": unary(service.batch_commit_write_streams, "BatchCommitWriteStreamsRequest"),
        "AppendRows": both_streams(service.append_rows, "AppendRowsRequest"),
    }
    return grpc.method_handlers_generic_handler("google.cloud.bigquery.storage.v1.BigQueryWrite", calls)
