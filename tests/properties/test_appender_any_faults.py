"""Whatever a server does, every row ends once: in a stream that is committed, or among the lost, and never in both."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.append_model import Server, lost_rows, run

ANY_FAULT = st.sampled_from(
    ["ok", "ok", "ok", "refused", "reset", "lost", "ended", "hangs", "bad row", "invalid", "finalized", "gone", "noise"]
)


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
