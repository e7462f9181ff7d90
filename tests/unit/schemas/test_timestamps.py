"""RFC 3339 in, UTC microseconds inside, RFC 3339 out."""

from datetime import UTC, datetime

import pytest

import schemas.timestamps
from schemas.timestamps import TimeFormatError, TimeRangeError, from_datetime, parse_rfc3339, to_rfc3339


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
        ("0001-01-01T01:00:00+01:00", "0001-01-01T00:00:00Z"),
        ("9999-12-31T22:59:59.999999-01:00", "9999-12-31T23:59:59.999999Z"),
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
def test_digits_beyond_microseconds_are_cut_with_a_note(fraction, micros, cut):
    start = parse_rfc3339("2026-06-15T11:58:00Z")[0]
    for zone in ("11:58:00.{}Z", "11:58:00.{}z", "13:58:00.{}+02:00"):
        assert parse_rfc3339("2026-06-15T" + zone.format(fraction)) == (start + micros, cut)


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
def test_any_other_form_is_rejected(text):
    with pytest.raises(TimeFormatError):
        parse_rfc3339(text)


@pytest.mark.parametrize("ending", ["00,000001Z", "00:000001Z", "00.000001X", "60.000001Z", "99.000001Z", "0\u0661.000001Z",
                                    "00.00000\u0661Z", "00.00000\u00b2Z", "00.-00001Z", "00.00000.Z", " 0.000001Z"])  # fmt: skip
def test_a_minute_that_was_met_excuses_no_other_form(ending):
    minute = "2026-06-15T11:58:"
    start = parse_rfc3339(f"{minute}00Z")[0]
    assert parse_rfc3339(f"{minute}59.000001Z") == (start + 59_000_001, False)
    with pytest.raises(TimeFormatError):
        parse_rfc3339(minute + ending)


def test_a_time_in_a_minute_that_was_met_is_read_by_its_digits_alone(monkeypatch):
    monkeypatch.setattr(schemas.timestamps, "_minutes", {})
    start = parse_rfc3339("2026-06-15T11:58:00Z")[0]
    monkeypatch.setattr(schemas.timestamps, "_RFC3339", lambda text: None)
    assert parse_rfc3339("2026-06-15T11:58:59.123456Z") == (start + 59_123_456, False)
    with pytest.raises(TimeFormatError):
        parse_rfc3339("2026-06-15T11:59:00.000001Z")


def test_only_so_many_minutes_are_kept(monkeypatch):
    monkeypatch.setattr(schemas.timestamps, "_minutes", kept := {})
    monkeypatch.setattr(schemas.timestamps, "_MOST_MINUTES", 3)
    most = 0
    for minute in range(10):
        parse_rfc3339(f"2026-06-15T11:0{minute}:00Z")
        most = max(most, len(kept))
    assert most == 3


@pytest.mark.parametrize(
    "text",
    ["0000-01-01T00:00:00Z", "0000-02-29T00:00:00Z", "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01"],
)
def test_an_instant_outside_the_calendar_is_out_of_range(text):
    with pytest.raises(TimeRangeError):
        parse_rfc3339(text)


def test_a_datetime_is_whole_microseconds():
    moment = from_datetime(datetime(2026, 6, 15, 11, 58, 0, 1, UTC))
    assert (type(moment), to_rfc3339(moment)) == (int, "2026-06-15T11:58:00.000001Z")
