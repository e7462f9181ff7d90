"""Process the requests of one append connection."""

from __future__ import annotations

import re
from typing import Any

import duckdb
import pyarrow as pa
from google.cloud.bigquery_storage_v1 import types

from pipelines.bigquery_emulator.errors import ApiError, WriteError, disk_status
from pipelines.bigquery_emulator.faults.injector import Effect
from pipelines.bigquery_emulator.status_codes import (
    FAILED_PRECONDITION,
    INVALID_ARGUMENT,
    NOT_FOUND,
    PENDING,
    TABLE_NOT_FOUND,
)
from pipelines.bigquery_emulator.store.arrow_insert import BatchInserter
from pipelines.bigquery_emulator.store.types import Field
from pipelines.bigquery_emulator.store.warehouse import LARGE_ROW_BYTES, Warehouse
from pipelines.bigquery_emulator.store.write_streams import Stream, Streams
from pipelines.bigquery_emulator.values.partition_limits import StreamBounds, stream_bounds
from pipelines.bigquery_emulator.values.proto_rows import ProtoReader
from pipelines.bigquery_emulator.values.row_checks import bad_rows, check_schema

_MAX_REQUEST = 10 * 1024 * 1024
_STREAM = re.compile(r"projects/([^/]+)/datasets/([^/]+)/tables/([^/]+)/(?:streams/)?([^/]+)")
_Response: Any = types.AppendRowsResponse.pb()


class AppendConnection:
    """The state of one AppendRows call: later requests may leave out the stream's name and the writer's schema."""

    def __init__(self, warehouse: Warehouse, streams: Streams, inserter: BatchInserter) -> None:
        self.stream_name = ""
        self._warehouse = warehouse
        self._streams = streams
        self._inserter = inserter
        self._arrow_schema: pa.Schema | None = None
        self._proto: ProtoReader | None = None
        self._checked: tuple[pa.Schema, dict[str, Field]] | None = None

    def target(self, request: Any) -> str | None:
        """Return the name of the table that the request goes to."""
        match = _STREAM.fullmatch(request.write_stream or self.stream_name)
        return match[3] if match else None

    def append(self, request: Any, effect: Effect) -> Any:
        """Check a whole request, then write it; WriteError when any of it is rejected."""
        self.stream_name = request.write_stream or self.stream_name
        match = _STREAM.fullmatch(self.stream_name)
        if match is None:
            raise WriteError(INVALID_ARGUMENT, f"Not the name of a write stream: {self.stream_name!r}", closes=True)
        table = (match[2], match[3])
        fields = self._fields(table)
        stream = None if match[4] == "_default" else self._streams.get(self.stream_name)
        size = request.ByteSize()
        if size > _MAX_REQUEST:
            raise WriteError(
                INVALID_ARGUMENT, f"AppendRows request of {size} bytes is over the limit of {_MAX_REQUEST}"
            )
        batch, message = self._batch(request, fields)
        bounds = None
        if stream is None or stream.type != PENDING:
            bounds = stream_bounds(self._warehouse.catalog.table(*table), self._warehouse.today())
        self._check(batch, fields, bounds, effect)
        response = _Response(write_stream=self.stream_name)
        if stream is None:
            self._insert(table, batch)
            response.append_result.SetInParent()
            return response
        with stream.lock:
            stream.check_offset(request.offset.value if request.HasField("offset") else None)
            response.append_result.offset.value = stream.rows
            self._keep(stream, table, batch, message)
            stream.rows += batch.num_rows
        return response

    def _fields(self, table: tuple[str, str]) -> dict[str, Field]:
        try:
            resource = self._warehouse.catalog.table(*table)
        except ApiError as error:
            raise WriteError(NOT_FOUND, error.message, storage_code=TABLE_NOT_FOUND, closes=True) from None
        if resource.get("type") == "VIEW":
            raise WriteError(INVALID_ARGUMENT, f"{table[0]}.{table[1]} is a view: it takes no rows", closes=True)
        return {field["name"].lower(): field for field in resource["schema"]["fields"]}

    def _insert(self, table: tuple[str, str], batch: pa.RecordBatch) -> None:
        if batch.nbytes > LARGE_ROW_BYTES * batch.num_rows:
            self._warehouse.expect_large_rows()
        try:
            self._inserter.insert(*table, batch)
        except duckdb.Error as error:
            if isinstance(error, duckdb.FatalException):
                self._warehouse.failed.set()
            code = disk_status(error)
            raise WriteError(code, f"{type(error).__name__} while writing to {table[0]}.{table[1]}") from error

    def _keep(self, stream: Stream, table: tuple[str, str], batch: pa.RecordBatch, message: bytes) -> None:
        if stream.type == PENDING:
            try:
                stream.spill(self._streams.folder, batch.schema, message)
            except OSError as error:
                raise WriteError(FAILED_PRECONDITION, f"cannot write the stream's file: {error.strerror}") from error
        else:
            self._insert(table, batch)

    def _batch(self, request: Any, fields: dict[str, Field]) -> tuple[pa.RecordBatch, bytes]:
        """Return the rows as a batch, and as the IPC message that a spill file takes."""
        if request.HasField("arrow_rows"):
            arrow = request.arrow_rows
            try:
                if arrow.writer_schema.serialized_schema:
                    self._arrow_schema = pa.ipc.read_schema(pa.py_buffer(arrow.writer_schema.serialized_schema))
                if self._arrow_schema is None:
                    raise WriteError(INVALID_ARGUMENT, "The first request of a connection must carry the writer schema")
                message = arrow.rows.serialized_record_batch
                return pa.ipc.read_record_batch(pa.py_buffer(message), self._arrow_schema), message
            except (pa.ArrowException, OSError) as error:
                raise WriteError(INVALID_ARGUMENT, f"Cannot read the Arrow data: {error}") from None
        if request.HasField("proto_rows"):
            proto = request.proto_rows
            if proto.writer_schema.proto_descriptor.name:
                self._proto = ProtoReader(proto.writer_schema.proto_descriptor)
            if self._proto is None:
                raise WriteError(INVALID_ARGUMENT, "The first request of a connection must carry the writer schema")
            batch = self._proto.batch(list(proto.rows.serialized_rows), fields)
            return batch, batch.serialize().to_pybytes()
        raise WriteError(INVALID_ARGUMENT, "The request carries no rows")

    def _check(
        self, batch: pa.RecordBatch, fields: dict[str, Field], bounds: StreamBounds | None, effect: Effect
    ) -> None:
        if self._checked is None or self._checked[0] is not batch.schema or self._checked[1] != fields:
            check_schema(batch.schema, fields)
            self._checked = (batch.schema, fields)
        for rule in effect.reject_requests:
            if rule.rows(batch):
                raise WriteError(INVALID_ARGUMENT, f"The request is rejected: {rule.reason} (fault script)")
        rejected = dict(bad_rows(batch, fields))
        for row, message in bounds.outside(batch) if bounds else ():
            rejected.setdefault(row, message)
        for rule in effect.row_errors:
            for row in rule.rows(batch):
                rejected.setdefault(row, f"Field {rule.column}: {rule.reason}")
        if rejected:
            raise WriteError(
                INVALID_ARGUMENT,
                "Errors found while processing rows. Please refer to the row_errors field for details. "
                "The list may not be complete because of the size limitations.",
                row_errors=sorted(rejected.items()),
            )
