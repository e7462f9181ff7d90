"""The appender of one table, fault by fault: what is stored, what is lost, and why."""

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
