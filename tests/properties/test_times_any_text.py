"""Times: what is read is what Python reads, and every instant is read back."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.timestamps import (
    EARLIEST_US,
    LATEST_US,
    TimeFormatError,
    TimeRangeError,
    _minutes,
    from_datetime,
    parse_rfc3339,
    to_datetime,
    to_rfc3339,
)


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


@given(st.integers(0, 26), st.sampled_from("0123456789٣²:-+.TZz ") | st.characters())
def test_a_time_in_a_known_minute_is_read_as_any_other(place, character):
    usual = "2026-06-15T11:58:37.123456Z"
    text = usual[:place] + character + usual[place + 1 :]

    def outcome():
        try:
            return parse_rfc3339(text)
        except ValueError as error:
            return type(error)

    _minutes.clear()
    fresh = outcome()
    assert parse_rfc3339(usual) == (1_781_524_717_123_456, False)
    assert outcome() == fresh
