"""Whatever a server does, every row has one outcome: in a stream that is committed, or lost, and never both."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.append_model import Server, lost_rows, run

ANY_FAULT = st.sampled_from(
    [
        *("ok", "ok", "ok", "refused", "reset", "lost", "ended", "hangs", "bad row", "invalid", "forbidden"),
        *("finalized", "gone", "noise"),
    ]
)
POISON = st.frozensets(st.integers(0, 19), max_size=4)


@settings(max_examples=400, deadline=None)
@given(st.lists(ANY_FAULT, max_size=40), st.sampled_from([64 << 20, 150]), POISON)
def test_pending_rows_are_committed_once_or_rejected_once(
    faults: list[str], max_stream_bytes: int, poison: frozenset[int]
) -> None:
    stored, table = run(Server(faults, poison=poison), max_stream_bytes=max_stream_bytes)
    assert sorted(stored + lost_rows(table)) == list(range(20))
    assert table.written == len(stored)
    assert poison <= set(lost_rows(table))


@settings(max_examples=200, deadline=None)
@given(st.lists(ANY_FAULT.filter(lambda fault: fault != "finalized"), max_size=40), POISON)
def test_default_stream_rows_are_stored_at_least_once_or_rejected(faults: list[str], poison: frozenset[int]) -> None:
    server = Server(faults, pending=False, poison=poison)
    _, table = run(server)
    assert set(server.streams[0].rows) | set(lost_rows(table)) == set(range(20))
    assert poison <= set(lost_rows(table))


@settings(max_examples=200, deadline=None)
@given(POISON, st.booleans())
def test_only_bad_rows_are_rejected(poison: frozenset[int], pending: bool) -> None:
    server = Server([], pending=pending, poison=poison)
    stored, table = run(server)
    assert set(lost_rows(table)) == poison
    assert sorted(stored if pending else server.streams[0].rows) == sorted(set(range(20)) - poison)
