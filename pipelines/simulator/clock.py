"""Event time: text forms, and arrivals that follow a daily curve. All times are UTC microseconds since 1970."""

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from random import Random
from typing import Final

MILLISECOND: Final = 1_000
SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_STEP: Final = HOUR // 4
_MAX_STEPS: Final = 50_000

# How busy each hour of the day (UTC) is: quiet at night, a peak at noon and a higher one in the evening.
_HOURLY: Final = (
    0.35, 0.25, 0.20, 0.18, 0.20, 0.30, 0.50, 0.80, 1.05, 1.20, 1.30, 1.40,
    1.45, 1.35, 1.25, 1.20, 1.25, 1.35, 1.55, 1.75, 1.80, 1.50, 1.00, 0.60,
)  # fmt: skip


def from_datetime(moment: datetime) -> int:
    """Return the microseconds since 1970 of an aware datetime."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def to_datetime(at: int) -> datetime:
    """Return the UTC datetime of microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=at)


@lru_cache(maxsize=8192)
def _minute(number: int) -> str:
    return to_datetime(number * MINUTE).strftime("%Y-%m-%dT%H:%M:")


def rfc3339(at: int) -> str:
    """Return the time as RFC 3339 in UTC with six fraction digits."""
    number, rest = divmod(at, MINUTE)
    second, fraction = divmod(rest, SECOND)
    return f"{_minute(number)}{second:02d}.{fraction:06d}Z"


def rfc3339_offset(at: int, minutes: int) -> str:
    """Return the same instant as `rfc3339`, written with an offset from UTC of `minutes` ≥ 0."""
    return f"{rfc3339(at + minutes * MINUTE)[:-1]}+{minutes // 60:02d}:{minutes % 60:02d}"


@lru_cache(maxsize=1024)
def day(number: int) -> str:
    """Return the date of the day with this number since 1970."""
    return to_datetime(number * DAY).strftime("%Y-%m-%d")


def hour(number: int) -> str:
    """Return the first instant of the hour with this number since 1970."""
    return to_datetime(number * HOUR).strftime("%Y-%m-%dT%H:%M:%SZ")


def arrivals(count: int, start: int, span: int, rng: Random) -> Iterator[int]:
    """Yield `count` ascending times within `span` microseconds from `start`, denser at busy hours."""
    step = max(_STEP, -(-span // _MAX_STEPS))
    edges = [*range(0, span, step), span]
    weights = [_busy(start + a) * (b - a) for a, b in pairwise(edges)]
    scale = math.fsum(weights) / count if count else 0.0
    bucket, below, last = 0, 0.0, start
    for index in range(count):
        target = (index + rng.random()) * scale
        while bucket < len(weights) - 1 and below + weights[bucket] < target:
            below += weights[bucket]
            bucket += 1
        inside = min(1.0, (target - below) / weights[bucket])
        at = start + edges[bucket] + int(inside * (edges[bucket + 1] - edges[bucket] - 1))
        last = max(last, at)
        yield last


def _busy(at: int) -> float:
    return _HOURLY[at // HOUR % 24]
