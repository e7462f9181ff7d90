"""A chart of the report stays readable, whenever the messages came."""

from hypothesis import given
from hypothesis import strategies as st

from pipelines.report.timeline import MAX_POINTS, WIDTHS, choose_width


@given(st.lists(st.integers(1, 10 * 365 * 24 * 60), min_size=1, max_size=200))
def test_a_chart_never_has_too_many_buckets(steps):
    minutes = [sum(steps[: end + 1]) for end in range(len(steps))]
    width = choose_width(60 * (minutes[-1] - minutes[0]), [60 * step for step in steps[1:]])
    assert width in WIDTHS
    drawn = {60 * minute // width for minute in minutes}
    assert len(drawn) <= MAX_POINTS or width == WIDTHS[-1]
