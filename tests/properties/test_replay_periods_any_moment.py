"""Periods leave no gap and do not overlap, whatever the moment of a start."""

from hypothesis import given
from hypothesis import strategies as st

from pipelines.replay.time_range import PERIODS, period
from schemas.timestamps import parse_rfc3339

FIRST, LAST = (parse_rfc3339(f"{year}-01-01T00:00:00Z")[0] for year in (2001, 2100))


@given(name=st.sampled_from(PERIODS), at=st.integers(FIRST, LAST))
def test_periods_leave_no_gap_and_do_not_overlap(name, at):
    start, end = period(name, at)
    assert start < end <= at
    assert period(name, end)[1] == end
    assert period(name, end - 1)[1] == start
    assert period(name, at + 1)[0] in (start, end)
