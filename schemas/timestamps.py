"""Times as the contract has them: RFC 3339 text in, UTC microseconds since 1970 inside, RFC 3339 text out."""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
SECOND_US = 1_000_000
EARLIEST_EVENT_US = 946_684_800 * SECOND_US
"""2000-01-01T00:00:00Z, the first event time that the contract accepts (docs/data-contract.md#envelope)."""
MAX_AHEAD_US = 300 * SECOND_US
"""How far an event time may lie ahead of its message's publish time (docs/data-contract.md#envelope)."""

# RFC 3339 section 5.6; its grammar takes T and Z in lower case too. Seconds stop at 59 by contract.
_RFC3339 = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]((?:[01][0-9]|2[0-3]):[0-5][0-9]):([0-5][0-9])"
    r"(?:\.([0-9]+))?(?:[Zz]|([+-])((?:[01][0-9]|2[0-3])):([0-5][0-9]))"
).fullmatch
_LEAP_YEAR = "2000"
_USUAL = len("2026-06-15T12:00:00.000001Z")
_MOST_MINUTES = 4096
_minutes: dict[str, int] = {}
"""Minutes that were met, by the text before their seconds: a time of the usual form in one of them needs no more than
its digits (1.1 to 0.3 µs)."""


class TimeFormatError(ValueError):
    """The text is no RFC 3339 time with a zone."""


class TimeRangeError(ValueError):
    """The text is well formed, but the instant lies outside what a UTC timestamp can hold."""


def parse_rfc3339(text: str) -> tuple[int, bool]:
    """Return (UTC microseconds since 1970, whether fraction digits were cut).

    Raises TimeFormatError for text of another form or a date that no calendar has, TimeRangeError if the
    instant leaves the years 1 to 9999.
    """
    if len(text) == _USUAL and text[19] == "." and text[26] == "Z" and text[17] < "6":
        known, digits = _minutes.get(text[:17]), text[17:19] + text[20:26]
        if known is not None and digits.isascii() and digits.isdigit():
            return known + int(digits), False
    match = _RFC3339(text)
    if match is None:
        raise TimeFormatError("not an RFC 3339 time with Z or an offset")
    date, minute, seconds, fraction, sign, hours_off, minutes_off = match.groups()
    start = _minute(date, minute)
    if len(_minutes) >= _MOST_MINUTES:
        _minutes.clear()
    _minutes[text[:17]] = start
    at = start + int(seconds) * SECOND_US
    truncated = False
    if fraction is not None:
        truncated = len(fraction) > 6
        at += int(fraction[:6].ljust(6, "0"))
    if sign is not None:
        shift = (int(hours_off) * 60 + int(minutes_off)) * 60 * SECOND_US
        at = at - shift if sign == "+" else at + shift
        if not EARLIEST_US <= at <= LATEST_US:
            raise TimeRangeError("the instant lies outside the years 1 to 9999")
    return at, truncated


@lru_cache(maxsize=4096)
def _minute(date: str, minute: str) -> int:
    """Return the microseconds of a minute; cached, because events of one time come together."""
    in_range = not date.startswith("0000")
    try:
        start = datetime.fromisoformat(f"{date if in_range else _LEAP_YEAR + date[4:]}T{minute}:00+00:00")
    except ValueError:
        raise TimeFormatError("not a day of the calendar") from None
    if not in_range:
        raise TimeRangeError("the year 0 is before the first year of the calendar")
    return (start - EPOCH) // MICROSECOND


EARLIEST_US = (datetime.min.replace(tzinfo=UTC) - EPOCH) // MICROSECOND
LATEST_US = (datetime.max.replace(tzinfo=UTC) - EPOCH) // MICROSECOND
"""The first and last instants that a datetime and a BigQuery TIMESTAMP can hold."""


def saturate(micros: int) -> int:
    """Return a computed time (window end, deadline), or the last TIMESTAMP if it lies beyond it.

    See docs/data-contract.md#computed-times-and-sums.
    """
    return min(micros, LATEST_US)


def to_datetime(micros: int) -> datetime:
    """Return the UTC datetime of microseconds since 1970."""
    return EPOCH + timedelta(microseconds=micros)


def from_datetime(moment: datetime) -> int:
    """Return microseconds since 1970 of an aware datetime."""
    return (moment - EPOCH) // MICROSECOND


def to_rfc3339(micros: int) -> str:
    """Return RFC 3339 text in UTC with microseconds if there are any."""
    return to_datetime(micros).isoformat().replace("+00:00", "Z")
