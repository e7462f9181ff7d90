"""RFC 3339 in, UTC microseconds inside, RFC 3339 out."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.times import (
    EARLIEST_US,
    LATEST_US,
    TimeFormatError,
    TimeRangeError,
    from_datetime,
    parse_rfc3339,
    to_datetime,
    to_rfc3339,
)


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-06-15T11:58:00Z", "2026-06-15T11:58:00Z"),
        ("2026-06-15t11:58:00z", "2026-06-15T11:58:00Z"),
        ("2026-06-15T13:58:00+02:00", "2026-06-15T11:58:00Z"),
        ("2026-06-15T00:28:00-11:30", "2026-06-15T11:58:00Z"),
        ("2026-06-15T11:58:00-00:00", "2026-06-15T11:58:00Z"),
        ("2026-06-15T11:58:00+00:00", "2026-06-15T11:58:00Z"),
        ("2026-06-16T11:57:00+23:59", "2026-06-15T11:58:00Z"),
        ("2026-06-15T11:58:00.1Z", "2026-06-15T11:58:00.100000Z"),
        ("2026-06-15T11:58:00.000001Z", "2026-06-15T11:58:00.000001Z"),
        ("2024-02-29T23:59:59.999999Z", "2024-02-29T23:59:59.999999Z"),
        ("2000-02-29T00:00:00Z", "2000-02-29T00:00:00Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
        ("1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.500000Z"),
    ],
)
def test_an_instant_is_read_in_any_zone(text, utc):
    assert to_rfc3339(parse_rfc3339(text)[0]) == utc


@pytest.mark.parametrize(
    ("fraction", "micros", "cut"),
    [
        ("1", 100_000, False),
        ("123456", 123_456, False),
        ("1234567", 123_456, True),
        ("9999999", 999_999, True),
        ("0000000", 0, True),
        ("0" * 5000 + "1", 0, True),
    ],
    ids=["1 digit", "6", "7", "never rounded up", "7 noughts", "5,001"],
)
def test_digits_behind_the_microsecond_are_cut_and_said(fraction, micros, cut):
    start = parse_rfc3339("2026-06-15T11:58:00Z")[0]
    assert parse_rfc3339(f"2026-06-15T11:58:00.{fraction}Z") == (start + micros, cut)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-06-15",
        "2026-06-15T11:58:00",
        "2026-06-15T11:58Z",
        "2026-06-15 11:58:00Z",
        "2026-06-15_11:58:00Z",
        "2026-06-15T11:58:00 Z",
        "2026-06-15T11:58:00Z ",
        "2026-06-15T11:58:00Z\n",
        " 2026-06-15T11:58:00Z",
        "2026-06-15T11:58:00+0200",
        "2026-06-15T11:58:00+02",
        "2026-06-15T11:58:00+2:00",
        "2026-06-15T11:58:00+24:00",
        "2026-06-15T11:58:00+00:60",
        "2026-06-15T11:58:00\u221202:00",
        "2026-06-15T11:58:00ZZ",
        "2026-06-15T11:58:00GMT",
        "2026-06-15T11:58:00,5Z",
        "2026-06-15T11:58:00.Z",
        "2026-06-15T24:00:00Z",
        "2026-06-15T11:60:00Z",
        "2026-06-15T11:58:60Z",
        "2026-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "0000-00-00T00:00:00Z",
        "26-06-15T11:58:00Z",
        "12026-06-15T11:58:00Z",
        "+2026-06-15T11:58:00Z",
        "20260615T115800Z",
        "2026-W24-1T11:58:00Z",
        "2026-166T11:58:00Z",
        "1781524680",
        "\u0662\u0660\u0662\u0666-06-15T11:58:00Z",
        "\uff12026-06-15T11:58:00Z",
        "2026-06-15T11:58:00.\u0661Z",
    ],
    ids=repr,
)
def test_any_other_form_is_refused(text):
    with pytest.raises(TimeFormatError):
        parse_rfc3339(text)


@pytest.mark.parametrize(
    "text",
    ["0000-01-01T00:00:00Z", "0000-02-29T00:00:00Z", "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01"],
)
def test_an_instant_outside_the_calendar_is_out_of_range(text):
    with pytest.raises(TimeRangeError):
        parse_rfc3339(text)


@given(
    st.datetimes(timezones=st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))),
)
def test_every_datetime_that_has_an_utc_instant_is_read_back(moment):
    micros = from_datetime(moment)
    if EARLIEST_US <= micros <= LATEST_US:
        assert parse_rfc3339(moment.isoformat()) == (micros, False)
        assert parse_rfc3339(to_rfc3339(micros)) == (micros, False)
        assert to_datetime(micros) == moment
    else:
        with pytest.raises(TimeRangeError):
            parse_rfc3339(moment.isoformat())


@given(st.text(alphabet="0123456789-+:.TtZz ", max_size=32))
def test_what_is_read_is_what_python_reads(text):
    try:
        micros, _ = parse_rfc3339(text)
    except (TimeFormatError, TimeRangeError):
        return
    assert to_datetime(micros) == datetime.fromisoformat(text.upper()).astimezone(UTC)
