"""A model of BigQuery's Storage Write API under one appender, whose calls fail by a list of faults."""

from collections.abc import Collection
from concurrent.futures import Future

import grpc
import pyarrow as pa
from google.cloud.bigquery_storage_v1 import types
from google.rpc import code_pb2, status_pb2

from transforms.sinks.bigquery.append_errors import classify
from transforms.sinks.bigquery.append_stream import ConnectionEnded
from transforms.sinks.bigquery.appender import TableAppender
from transforms.sinks.bigquery.appends import AppendLimits
from transforms.sinks.bigquery.backoff import RetryBudget
from transforms.sinks.bigquery.write_streams import AppendFailed

SCHEMA = pa.schema([("n", pa.int64()), ("text", pa.string())])


class Reset(grpc.RpcError, grpc.Call):
    """A connection that ended with a status."""

    def __init__(self, status: grpc.StatusCode) -> None:
        self._status = status

    def code(self) -> grpc.StatusCode:
        return self._status

    def trailing_metadata(self) -> tuple[()]:
        return ()

    def details(self) -> str:
        return "a secret"

    initial_metadata = is_active = time_remaining = cancel = add_callback = None  # type: ignore[assignment]


Reset.__abstractmethods__ = frozenset()  # type: ignore[attr-defined]


class Server:
    """A model of BigQuery. Each call takes the next fault of a list; after the list all calls succeed.

    Args:
        faults: what happens to each call.
        pending: whether streams have offsets and an end.
        poison: rows because of which a request is rejected whole, without row errors.
    """

    def __init__(self, faults: list[str], pending: bool = True, poison: Collection[int] = ()) -> None:
        self.pending, self.poison = pending, set(poison)
        self.faults = list(faults)
        self.streams: list[Stream] = []
        self.requests = 0

    def next_fault(self) -> str:
        return self.faults.pop(0) if self.faults else "ok"

    def open(self) -> "Stream":
        if self.pending or not self.streams:
            self.streams.append(Stream(self, f"s{len(self.streams)}"))
        return self.streams[-1]

    def finalize(self, stream: "Stream") -> int:
        fault = self.next_fault()
        if fault == "gone":
            raise AppendFailed(classify("NOT_FOUND", "STREAM_NOT_FOUND"), exhausted=False)
        if fault in ("invalid", "forbidden"):
            raise AppendFailed(classify("PERMISSION_DENIED"), exhausted=False)
        if fault == "hangs":
            raise AppendFailed(classify("UNAVAILABLE"), exhausted=True)
        stream.finalized = True
        return len(stream.rows)

    def committed(self, sealed: list[tuple[str, int]]) -> list[int]:
        by_name = {stream.name: stream for stream in self.streams}
        for name, count in sealed:
            assert by_name[name].finalized or not self.pending
            assert len(by_name[name].rows) == count
        return [row for name, _ in sealed for row in by_name[name].rows]


class Stream:
    """A write stream that keeps the offsets as BigQuery does."""

    def __init__(self, server: Server, name: str) -> None:
        self.server, self.name = server, name
        self.rows: list[int] = []
        self.finalized = False
        self.unnoticed = 0

    def send(self, payload: bytes, schema: pa.Schema, offset: int | None) -> Future[types.AppendRowsResponse]:
        reply: Future[types.AppendRowsResponse] = Future()
        self.server.requests += 1
        if self.unnoticed:  # sent before the client could know that the connection is gone
            self.unnoticed -= 1
            reply.set_exception(ConnectionEnded())
            return reply
        rows = pa.ipc.read_record_batch(pa.py_buffer(payload), schema).column("n").to_pylist()
        self._answer(reply, rows, offset, self.server.next_fault())
        return reply

    def renew(self) -> None:
        self.unnoticed = 0

    cancel = renew

    def _answer(self, reply: Future[types.AppendRowsResponse], rows: list[int], offset: int | None, fault: str) -> None:
        if fault == "finalized":
            self.finalized = True
        if fault == "gone":
            self.unnoticed = 2
            reply.set_exception(Reset(grpc.StatusCode.UNAVAILABLE))
        elif fault in ("refused", "noise"):
            reply.set_result(rejection("RESOURCE_EXHAUSTED" if fault == "refused" else "UNKNOWN"))
        elif fault in ("reset", "ended"):
            self.unnoticed = 3 if fault == "ended" else 0
            reply.set_exception(Reset(grpc.StatusCode.UNAVAILABLE))
        elif fault == "forbidden":
            reply.set_result(rejection("PERMISSION_DENIED"))
        elif fault == "invalid" or self.server.poison & set(rows):
            reply.set_result(rejection("INVALID_ARGUMENT"))
        elif fault == "bad row":
            reply.set_result(rejection("INVALID_ARGUMENT", bad=[0]))
        elif self.finalized:
            reply.set_result(rejection("INVALID_ARGUMENT", storage="STREAM_FINALIZED"))
        elif offset is not None and offset != len(self.rows):
            reply.set_result(rejection("ALREADY_EXISTS" if offset < len(self.rows) else "OUT_OF_RANGE"))
        else:
            self.rows += rows
            if fault == "lost":
                self.unnoticed = 1
                reply.set_exception(Reset(grpc.StatusCode.UNAVAILABLE))
            elif fault != "hangs":
                reply.set_result(types.AppendRowsResponse(append_result={"offset": offset or 0}))


def rejection(code: str, storage: str = "", bad: list[int] | None = None) -> types.AppendRowsResponse:
    status = status_pb2.Status(code=code_pb2.Code.Value(code), message="a secret")
    if storage:
        error = types.StorageError(code=types.StorageError.StorageErrorCode[storage])
        status.details.add().Pack(types.StorageError.pb(error))
    return types.AppendRowsResponse(
        error=status, row_errors=[types.RowError(index=i, code=1, message="Field text: a secret") for i in bad or []]
    )


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def appender(server: Server, budget: float = 100.0, **limits: float) -> TableAppender:
    clock = Clock()
    retry_budget = RetryBudget(budget, clock=clock, sleep=clock.sleep, draw=lambda: 0.9)
    wide = AppendLimits(**{"max_rows": 3, "max_in_flight": 3, "reply_timeout_seconds": 0.01, **limits})  # type: ignore[arg-type]
    return TableAppender(server, retry_budget, wide, lambda failed_append: None)


def batch(first: int, count: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"n": list(range(first, first + count)), "text": ["x"] * count}, SCHEMA)


def run(server: Server, batches: int = 5, **options: float) -> tuple[list[int], TableAppender]:
    table = appender(server, **options)
    for number in range(batches):
        table.append(batch(number * 4, 4), mark=number)
    table.drain()
    return server.committed(table.sealed), table


def lost_rows(table: TableAppender) -> list[int]:
    return [row for append in table.rejected for row in append.rows.column("n").to_pylist()]
