"""Ranges: half-open, and a period is the one before the given clock however late a run starts."""

import pytest

from pipelines.errors import UserError
from pipelines.replay.time_range import Range, hours, make_range, period
from schemas.timestamps import SECOND_US, from_datetime, parse_rfc3339, to_rfc3339


def us(text: str) -> int:
    return parse_rfc3339(text)[0]


@pytest.mark.parametrize(
    ("name", "at", "start", "end"),
    [
        ("previous-hour", "2026-06-15T12:00:00Z", "2026-06-15T11:00:00Z", "2026-06-15T12:00:00Z"),
        ("previous-hour", "2026-06-15T00:59:59.999999Z", "2026-06-14T23:00:00Z", "2026-06-15T00:00:00Z"),
        ("previous-day", "2026-03-01T05:00:00Z", "2026-02-28T00:00:00Z", "2026-03-01T00:00:00Z"),
        ("previous-day", "2026-03-01T01:30:00+02:00", "2026-02-27T00:00:00Z", "2026-02-28T00:00:00Z"),
        ("previous-week", "2026-06-15T00:00:00Z", "2026-06-08T00:00:00Z", "2026-06-15T00:00:00Z"),
        ("previous-week", "2026-06-14T23:00:00Z", "2026-06-01T00:00:00Z", "2026-06-08T00:00:00Z"),
        ("previous-month", "2028-03-31T12:00:00Z", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z"),
        ("previous-month", "2026-01-01T00:00:00Z", "2025-12-01T00:00:00Z", "2026-01-01T00:00:00Z"),
    ],
    ids=["hour", "hour-late", "day", "day-offset", "week-on-monday", "week-on-sunday", "leap-month", "month-of-year"],
)
def test_a_period_is_the_whole_one_before(name, at, start, end):
    assert [to_rfc3339(edge) for edge in period(name, us(at))] == [start, end]


def test_a_range_is_half_open():
    wanted = Range(0, 10)
    assert [wanted.holds(moment) for moment in (-1, 0, 9, 10)] == [False, True, True, False]


@pytest.mark.parametrize(
    ("start", "end", "name"),
    [(None, None, None), (0, None, None), (None, 5, None), (5, 5, None), (6, 5, None), (0, 5, "previous-day")],
)
def test_what_names_no_range_is_a_users_mistake(start, end, name):
    with pytest.raises(UserError, match="--"):
        make_range(start, end, name, 10 * SECOND_US, "publish_time")


@pytest.mark.parametrize("values", [(1, 1, "publish_time"), (0, 1, "wall_clock")])
def test_a_range_checks_its_arguments(values):
    with pytest.raises(ValueError):
        Range(*values)


@pytest.mark.parametrize(
    ("start", "end", "count"),
    [
        ("2026-06-15T11:59:59Z", "2026-06-15T12:00:00.000001Z", 2),
        ("2026-06-15T11:00:00Z", "2026-06-15T12:00:00Z", 1),
        ("9999-12-31T22:30:00Z", "9999-12-31T23:59:59.999999Z", 2),
    ],
    ids=["across an edge", "from edge to edge", "to the end of time"],
)
def test_the_hours_of_a_range_are_those_it_overlaps(start, end, count):
    found = [to_rfc3339(from_datetime(hour)) for hour in hours(us(start), us(end))]
    assert len(found) == count
    assert found[0] == start[:13] + ":00:00Z"
