"""Whatever a server does, every row ends once: in a stream that is committed, or among the lost, and never in both."""

import pickle
from concurrent.futures import Future

import grpc
import pyarrow as pa
import pytest
from google.cloud.bigquery_storage_v1 import types
from google.rpc import code_pb2, status_pb2
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.outcomes import Code
from transforms.sinks.append_errors import Failure, Kind, classify
from transforms.sinks.append_stream import ConnectionEnded
from transforms.sinks.appender import TableAppender
from transforms.sinks.appends import AppendLimits, appends_held
from transforms.sinks.backoff import Patience
from transforms.sinks.write_streams import GaveUp

SCHEMA = pa.schema([("n", pa.int64()), ("text", pa.string())])
ANY_FAULT = st.sampled_from(
    ["ok", "ok", "ok", "refused", "reset", "lost", "ended", "hangs", "bad row", "invalid", "finalized", "gone", "noise"]
)


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
    """A model of BigQuery: what one call does is the next fault of a list, and then nothing goes wrong any more."""

    def __init__(self, faults: list[str], pending: bool = True) -> None:
        self.pending = pending
        self.faults = list(faults)
        self.streams: list[Stream] = []

    def next_fault(self) -> str:
        return self.faults.pop(0) if self.faults else "ok"

    def open(self) -> "Stream":
        if self.pending or not self.streams:
            self.streams.append(Stream(self, f"s{len(self.streams)}"))
        return self.streams[-1]

    def finalize(self, stream: "Stream") -> int:
        fault = self.next_fault()
        if fault == "gone":
            raise GaveUp(classify("NOT_FOUND", "STREAM_NOT_FOUND"), exhausted=False)
        if fault == "invalid":
            raise GaveUp(classify("PERMISSION_DENIED"), exhausted=False)
        if fault == "hangs":
            raise GaveUp(classify("UNAVAILABLE"), exhausted=True)
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
            reply.set_result(refusal("RESOURCE_EXHAUSTED" if fault == "refused" else "UNKNOWN"))
        elif fault in ("reset", "ended"):
            self.unnoticed = 3 if fault == "ended" else 0
            reply.set_exception(Reset(grpc.StatusCode.UNAVAILABLE))
        elif fault == "invalid":
            reply.set_result(refusal("INVALID_ARGUMENT"))
        elif fault == "bad row":
            reply.set_result(refusal("INVALID_ARGUMENT", bad=[0]))
        elif self.finalized:
            reply.set_result(refusal("INVALID_ARGUMENT", storage="STREAM_FINALIZED"))
        elif offset is not None and offset != len(self.rows):
            reply.set_result(refusal("ALREADY_EXISTS" if offset < len(self.rows) else "OUT_OF_RANGE"))
        else:
            self.rows += rows
            if fault == "lost":
                self.unnoticed = 1
                reply.set_exception(Reset(grpc.StatusCode.UNAVAILABLE))
            elif fault != "hangs":
                reply.set_result(types.AppendRowsResponse(append_result={"offset": offset or 0}))


def refusal(code: str, storage: str = "", bad: list[int] | None = None) -> types.AppendRowsResponse:
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
    patience = Patience(budget, clock=clock, sleep=clock.sleep, draw=lambda: 0.9)
    wide = AppendLimits(**{"max_rows": 3, "max_in_flight": 3, "reply_timeout_seconds": 0.01, **limits})  # type: ignore[arg-type]
    return TableAppender(server, patience, wide, lambda gave_up: None)


def batch(first: int, count: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"n": list(range(first, first + count)), "text": ["x"] * count}, SCHEMA)


def run(server: Server, batches: int = 5, **options: float) -> tuple[list[int], TableAppender]:
    table = appender(server, **options)
    for number in range(batches):
        table.append(batch(number * 4, 4), mark=number)
    table.drain()
    return server.committed(table.sealed), table


def lost_rows(table: TableAppender) -> list[int]:
    return [row for lost in table.lost for row in lost.rows.column("n").to_pylist()]


@settings(max_examples=400, deadline=None)
@given(st.lists(ANY_FAULT, max_size=40), st.sampled_from([64 << 20, 150]))
def test_pending_rows_are_committed_once_or_lost_once(faults: list[str], max_stream_bytes: int) -> None:
    stored, table = run(Server(faults), max_stream_bytes=max_stream_bytes)
    assert sorted(stored + lost_rows(table)) == list(range(20))
    assert table.written == len(stored)


@settings(max_examples=200, deadline=None)
@given(st.lists(ANY_FAULT.filter(lambda fault: fault != "finalized"), max_size=40))
def test_default_stream_rows_are_stored_at_least_once_or_lost(faults: list[str]) -> None:
    server = Server(faults, pending=False)
    _, table = run(server)
    assert set(server.streams[0].rows) | set(lost_rows(table)) == set(range(20))


def test_without_faults_one_stream_holds_all_in_order() -> None:
    server = Server([])
    stored, table = run(server)
    assert stored == list(range(20))
    assert table.sealed == [("s0", 20)]
    assert table.lost == []


def test_a_reply_lost_after_the_write_adds_nothing_twice() -> None:
    stored, table = run(Server(["ok", "lost", "ok", "lost"]))
    assert stored == list(range(20))
    assert len(table.sealed) == 1


def test_a_bad_row_is_lost_alone_with_its_column() -> None:
    stored, table = run(Server(["ok", "bad row"]))
    assert sorted(stored) == [row for row in range(20) if row != 3]
    (lost,) = table.lost
    assert (lost.code, lost.reason, lost.mark) == (Code.SINK_REJECTED, "column text: refused by the table", 0)


def test_a_permanent_refusal_loses_one_request_at_once() -> None:
    stored, table = run(Server(["ok", "ok", "invalid"]))
    assert len(stored) == 17
    assert [(lost.code, lost.attempts) for lost in table.lost] == [(Code.SINK_REJECTED, 1)]


def test_when_the_budget_is_used_up_rows_are_exhausted_and_later_ones_tried_once() -> None:
    server = Server(["refused"] * 1000)
    stored, table = run(server, budget=30.0)
    assert stored == []
    assert sorted(lost_rows(table)) == list(range(20))
    assert {lost.code for lost in table.lost} == {Code.SINK_EXHAUSTED}
    assert table.lost[0].attempts > 5
    assert table.lost[-1].attempts < 5


def test_rows_of_a_stream_that_cannot_be_finalized_are_lost_and_not_committed() -> None:
    stored, table = run(Server(["ok"] * 10 + ["invalid"]))
    assert stored == []
    assert sorted(lost_rows(table)) == list(range(20))


def test_a_row_larger_than_a_request_is_rejected_alone() -> None:
    server = Server([])
    table = appender(server, max_bytes=2000)
    big = pa.RecordBatch.from_pydict({"n": [1, 2, 3], "text": ["x", "x" * 3000, "x"]}, SCHEMA)
    table.append(big, mark=None)
    table.drain()
    assert server.committed(table.sealed) == [1, 3]
    assert lost_rows(table) == [2]


def test_a_full_stream_is_sealed_and_the_next_one_begun() -> None:
    stored, table = run(Server([]), max_stream_bytes=100)
    assert stored == list(range(20))
    assert len(table.sealed) > 1


def test_a_stream_that_took_nothing_is_not_finalized() -> None:
    server = Server(["bad row"] * 3 + ["hangs"])
    table = appender(server)
    table.append(batch(0, 3), mark=None)
    table.drain()
    assert table.sealed == []
    assert sorted(lost_rows(table)) == [0, 1, 2]
    assert not server.streams[0].finalized


def test_lost_rows_travel_without_those_they_were_cut_from() -> None:
    server = Server(["invalid"])
    table = appender(server)
    table.append(batch(0, 3000), mark=None)
    table.drain()
    (lost,) = table.lost
    assert lost.rows.num_rows == 3
    assert len(pickle.dumps(lost.rows)) < 2000


def test_reset_forgets_a_failed_bundle() -> None:
    server = Server([])
    table = appender(server)
    table.append(batch(0, 4), mark=None)
    table.reset()
    table.append(batch(4, 4), mark=None)
    table.drain()
    assert server.committed(table.sealed) == [4, 5, 6, 7]


@pytest.mark.parametrize(
    ("held", "in_doubt", "count", "taken"),
    [
        (0, [], 0, 0),
        (5, [(5, 3), (8, 2)], 5, 0),
        (5, [(5, 3), (8, 2)], 8, 1),
        (5, [(5, 3), (8, 2)], 10, 2),
        (5, [(5, 3), (8, 2)], 7, None),
        (5, [(5, 3), (8, 2)], 11, None),
        (5, [], 4, None),
        (5, [(9, 3)], 8, None),
    ],
    ids=["empty", "none", "first", "both", "part of one", "more than sent", "fewer than held", "other offset"],
)
def test_a_row_count_says_which_appends_a_stream_holds(
    held: int, in_doubt: list[tuple[int, int]], count: int, taken: int | None
) -> None:
    assert appends_held(held, in_doubt, count) == taken


def test_limits_are_checked() -> None:
    with pytest.raises(ValueError, match="max_in_flight"):
        AppendLimits(max_in_flight=0)


def test_failures_compare_by_what_they_say() -> None:
    assert classify("UNAVAILABLE") == Failure(Kind.TRANSIENT, "UNAVAILABLE", "UNAVAILABLE")
