"""The report's pure parts: how time is cut, how numbers read, what becomes of text out of the data."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from pipelines.report.charts import events_chart, lag_chart, reading_chart
from pipelines.report.markup import table
from pipelines.report.number_format import add_money, counted, duration, money, plain, share
from pipelines.report.page import _json
from pipelines.report.queries import Lag, Reading, Received
from pipelines.report.saga_charts import links
from pipelines.report.saga_queries import Way
from pipelines.report.timeline import choose_width, later, silent_spans, ticks, width_words

DAY = 86_400
START = datetime(2026, 1, 1, tzinfo=UTC)


def every_day(*stretches: tuple[int, int]) -> list[datetime]:
    """Return a time a day, from and to the days given."""
    return [START + timedelta(days=day) for first, last in stretches for day in range(first, last)]


@pytest.mark.parametrize(
    ("span", "gaps", "width"),
    [
        pytest.param(0, [], 60, id="one minute"),
        pytest.param(8 * 3600, [], 60, id="a working day by the minute"),
        pytest.param(2 * DAY, [], 900, id="two days"),
        pytest.param(400 * DAY, [], DAY, id="a year"),
        pytest.param(2600 * DAY, [2300 * DAY], DAY, id="two stretches with years between"),
        pytest.param(2600 * DAY, [], 7 * DAY, id="the same years, all with messages"),
    ],
)
def test_a_bucket_is_as_wide_as_it_must_be(span, gaps, width):
    assert choose_width(span, gaps) == width


def test_a_bucket_is_as_narrow_as_the_windows_of_the_run():
    assert choose_width(120, [], window=10) == 10
    assert choose_width(120, [], window=60) == 60
    assert choose_width(86_400, [], most=500, window=10) == 300, "too many windows for one chart"


def test_the_axis_of_a_minute_names_seconds():
    begin = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)
    named = [name for _, name in ticks(begin, begin + timedelta(seconds=60), [])]
    assert len(named) >= 3
    assert named[0].startswith("12:00:")


def test_a_long_silence_is_left_out_from_the_end_of_one_bucket_to_the_next():
    times = every_day((0, 30), (1000, 1030))
    assert silent_spans(times, DAY) == [(START + timedelta(days=30), START + timedelta(days=1000))]


@pytest.mark.parametrize(
    "times",
    [
        pytest.param([], id="nothing"),
        pytest.param(every_day((0, 1), (100, 101)), id="too few to call it a silence"),
        pytest.param(every_day((0, 30), (35, 60)), id="a short one"),
    ],
)
def test_no_other_gap_is(times):
    assert silent_spans(times, DAY) == []


@pytest.mark.parametrize("days", [1, 5, 40, 300, 4000])
def test_ticks_are_few_ascending_and_not_in_a_silence(days):
    times = every_day((0, days), (20 * days, 21 * days))
    silent = [(times[days - 1] + timedelta(days=1), times[days])]
    named = ticks(times[0], times[-1] + timedelta(days=1), silent)
    assert 1 <= len(named) <= 12
    assert [at for at, _ in named] == sorted({at for at, _ in named})
    assert not any(begin < at < end for at, _ in named for begin, end in silent)


@pytest.mark.parametrize(
    ("width", "words"), [(60, "minute"), (900, "15 minutes"), (3600, "hour"), (DAY, "day"), (7 * DAY, "7 days")]
)
def test_a_window_width_is_written_in_words(width, words):
    assert width_words(width) == words


@pytest.mark.parametrize(
    ("said", "words"),
    [
        pytest.param(share(0, 0), "\u2013", id="of nothing"),
        pytest.param(share(0, 5), "0.00 %", id="nothing"),
        pytest.param(share(1, 1_000_000), "< 0.01 %", id="not nothing"),
        pytest.param(share(999_999, 1_000_000), "> 99.99 %", id="not all"),
        pytest.param(share(5, 5), "100.00 %", id="all"),
        pytest.param(duration(0), "0 ms", id="no time"),
        pytest.param(duration(0.0125), "12.5 ms", id="milliseconds"),
        pytest.param(duration(59.99), "60 s", id="seconds"),
        pytest.param(duration(-90), "-1.5 min", id="early"),
        pytest.param(duration(100 * DAY), "100 d", id="days"),
        pytest.param(money(Decimal("7283349.2345")), "7,283,349.23", id="money"),
        pytest.param(counted(1, "day"), "1 day", id="one"),
        pytest.param(counted(2_000, "day"), "2,000 days", id="many"),
        pytest.param(plain([None, True, "a", ()]), "\u2013, yes, a, \u2013", id="options"),
    ],
)
def test_numbers_read_well(said, words):
    assert said == words


def test_text_out_of_the_data_is_never_markup():
    markup = table("<i>", ("<b>",), [("<script>alert(1)</script>",)])
    assert "<script" not in markup
    assert "<b>" not in markup
    assert "<i>" not in markup
    assert "<" not in _json({"path": "</script><script>alert(1)</script>"})


def test_stacked_bars_hold_every_message_in_the_colour_of_its_topic():
    points = [Received(topic, START, n) for n, topic in enumerate(("unknown", "inventory", "orders"), 1)]
    bars = events_chart(points, 60).data
    assert [(bar.name, bar.y[0], bar.marker.color) for bar in bars] == [
        ("orders", 3, "var(--topic-1)"),
        ("inventory", 2, "var(--topic-3)"),
        ("unknown", 1, "var(--other)"),
    ]


def test_a_lag_below_a_millisecond_is_drawn_at_one_and_labelled_exactly():
    (line, *_) = lag_chart([Lag("orders", START, -5000, 10, 20, 3)], 60).data
    assert (line.y[0], line.customdata[0]) == (1.0, "-5 s")


def curve(times: Sequence[datetime]) -> tuple[list[float | None], list[int]]:
    """Return values and sizes of the dots of a line through these times."""
    (line,) = reading_chart([Reading("d", "t", "", at, 1.0, 1.0, 1.0, 1) for at in times], DAY).data
    return list(line.y), list(line.marker.size)


def test_a_line_is_broken_where_points_are_missing():
    assert curve(every_day((0, 3), (9, 11)))[0] == [1.0, 1.0, 1.0, None, 1.0, 1.0]


def test_a_point_alone_between_breaks_is_a_dot():
    values, sizes = curve(every_day((0, 3), (9, 10), (19, 22)))
    assert values == [1.0, 1.0, 1.0, None, 1.0, None, 1.0, 1.0, 1.0]
    assert [size > 0 for size in sizes] == [False, False, False, False, True, False, False, False, False]


def test_ways_become_links_and_end_where_the_order_hangs():
    ways = [
        Way(("created", "reserved", "paid", "completed"), "", 5),
        Way(("created", "reserved"), "stuck", 2),
        Way(("created",), "still open", 1),
        Way(("completed",), "", 4),
    ]
    assert links(ways) == {
        ("created", "reserved"): 7,
        ("reserved", "paid"): 5,
        ("paid", "completed"): 5,
        ("reserved", "stuck"): 2,
        ("created", "still open"): 1,
    }


def test_charts_end_with_the_calendar():
    last = datetime.max.replace(tzinfo=UTC)
    assert later(last - timedelta(seconds=59), 60) == last
    assert later(START, 60) == START + timedelta(seconds=60)
    assert [time.hour for time, _ in ticks(last - timedelta(hours=4), last, [])] == [20, 21, 22, 23]
    assert ticks(last - timedelta(days=2000), last, [])[-1][0].year == 9999


def test_money_of_29_digits_is_exact_and_a_sum_beyond_numeric_is_named():
    largest = Decimal("9" * 29)
    assert money(largest) == ",".join(["99", *["999"] * 9]) + ".00"
    assert money(None) == "beyond NUMERIC"
    assert add_money([largest, Decimal("0.01")]) == Decimal("9" * 29 + ".01")
    assert add_money([largest, None]) is None
    assert add_money([]) == 0
