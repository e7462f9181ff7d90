"""The appender of one table, fault by fault: which rows are stored, which are lost, and why."""

import pickle

import pyarrow as pa
import pytest

from schemas.outcomes import Code
from tests.support.append_model import SCHEMA, Server, appender, batch, lost_rows, run
from transforms.sinks.bigquery.append_errors import Failure, Kind, classify
from transforms.sinks.bigquery.appends import AppendLimits, appends_held


def test_without_faults_one_stream_holds_all_in_order() -> None:
    server = Server([])
    stored, table = run(server)
    assert stored == list(range(20))
    assert table.sealed == [("s0", 20)]
    assert table.rejected == []


def test_a_reply_lost_after_the_write_adds_no_row_twice() -> None:
    stored, table = run(Server(["ok", "lost", "ok", "lost"]))
    assert stored == list(range(20))
    assert len(table.sealed) == 1


def test_a_bad_row_alone_is_rejected_with_its_column() -> None:
    stored, table = run(Server(["ok", "bad row"]))
    assert sorted(stored) == [row for row in range(20) if row != 3]
    (rejected,) = table.rejected
    assert (rejected.code, rejected.reason, rejected.mark) == (
        Code.SINK_REJECTED,
        "column text: rejected by the table",
        0,
    )
    assert rejected.column == "text"


def test_a_permanent_failure_loses_one_request_without_a_retry() -> None:
    stored, table = run(Server(["ok", "ok", "forbidden"]))
    assert len(stored) == 17
    assert [(append.code, append.attempts) for append in table.rejected] == [(Code.SINK_REJECTED, 1)]


def test_when_the_budget_is_used_up_rows_are_exhausted_and_later_ones_tried_once() -> None:
    server = Server(["refused"] * 1000)
    stored, table = run(server, budget=30.0)
    assert stored == []
    assert sorted(lost_rows(table)) == list(range(20))
    assert {append.code for append in table.rejected} == {Code.SINK_EXHAUSTED}
    assert table.rejected[0].attempts > 5
    assert table.rejected[-1].attempts < 5


@pytest.mark.parametrize("pending", [True, False], ids=["pending", "default"])
@pytest.mark.parametrize(
    ("poison", "most"),
    [
        pytest.param([700], 2 * 10 + 1, id="one of 1024"),
        pytest.param([0], 2 * 10 + 1, id="the first"),
        pytest.param([1023], 2 * 10 + 1, id="the last"),
        pytest.param([5, 400, 401, 1000], 4 * 2 * 10 + 1, id="four"),
    ],
)
def test_a_request_rejected_whole_is_bisected_in_logarithmically_many_requests(
    pending: bool, poison: list[int], most: int
) -> None:
    server = Server([], pending=pending, poison=poison)
    table = appender(server, max_rows=1024)
    table.append(batch(0, 1024), mark="m")
    table.drain()
    stored = server.committed(table.sealed) if pending else server.streams[0].rows
    assert sorted(stored) == [row for row in range(1024) if row not in poison]
    assert sorted(lost_rows(table)) == poison
    assert {(append.code, append.reason.split(":")[0], append.mark) for append in table.rejected} == {
        (Code.SINK_REJECTED, "INVALID_ARGUMENT", "m")
    }
    assert table.written == 1024 - len(poison)
    assert server.requests <= most


def test_transport_failures_during_a_bisection_are_retried_and_no_row_is_lost_or_stored_twice() -> None:
    server = Server(["ok", "reset", "lost", "ok", "refused", "ended", "ok", "gone"] * 3, poison=[9, 30])
    table = appender(server, max_rows=16)
    table.append(batch(0, 48), mark=None)
    table.drain()
    assert sorted(server.committed(table.sealed)) == [row for row in range(48) if row not in (9, 30)]
    assert sorted(lost_rows(table)) == [9, 30]


def test_an_outage_during_a_bisection_ends_its_parts_as_exhausted_within_one_budget() -> None:
    server = Server(["ok"] * 3 + ["refused"] * 10_000, pending=False, poison=[0])
    table = appender(server, budget=30.0, max_rows=64)
    table.append(batch(0, 64), mark=None)
    table.drain()
    assert {append.code for append in table.rejected} == {Code.SINK_EXHAUSTED}
    assert sorted(lost_rows(table) + server.streams[0].rows) == list(range(64))
    assert server.requests < 100


@pytest.mark.parametrize("pending", [True, False], ids=["pending", "default"])
def test_a_table_that_rejects_every_row_does_not_cost_requests_per_row(pending: bool) -> None:
    server = Server([], pending=pending, poison=range(8192))
    table = appender(server, max_rows=1024)
    table.append(batch(0, 8192), mark=None)
    table.drain()
    assert sorted(lost_rows(table)) == list(range(8192))
    assert server.requests < 8192 / 8


def test_after_a_table_took_rows_again_bad_rows_are_searched_one_by_one_again() -> None:
    poison = [*range(1024), *range(2048, 2068)]
    server = Server([], poison=poison)
    table = appender(server, max_rows=1024)
    table.append(batch(0, 3072), mark=None)
    table.drain()
    assert sorted(lost_rows(table)) == poison
    assert sorted(server.committed(table.sealed)) == [row for row in range(3072) if row not in poison]


def test_rows_of_a_stream_that_cannot_be_finalized_are_rejected_and_not_committed() -> None:
    stored, table = run(Server(["ok"] * 10 + ["forbidden"]))
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


def test_rejected_rows_are_sent_without_the_batch_they_were_sliced_from() -> None:
    server = Server(["forbidden"])
    table = appender(server)
    table.append(batch(0, 3000), mark=None)
    table.drain()
    (rejected,) = table.rejected
    assert rejected.rows.num_rows == 3
    assert len(pickle.dumps(rejected.rows)) < 2000


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
def test_a_row_count_determines_which_appends_a_stream_holds(
    held: int, in_doubt: list[tuple[int, int]], count: int, taken: int | None
) -> None:
    assert appends_held(held, in_doubt, count) == taken


def test_limits_are_checked() -> None:
    with pytest.raises(ValueError, match="max_in_flight"):
        AppendLimits(max_in_flight=0)


def test_failures_compare_by_value() -> None:
    assert classify("UNAVAILABLE") == Failure(Kind.TRANSIENT, "UNAVAILABLE", "UNAVAILABLE")
