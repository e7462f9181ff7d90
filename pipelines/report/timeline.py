"""The time axis of charts: buckets wide enough for a small chart, and long gaps left out. Pure.

A warehouse may have years without messages (an archive of 2004 and orders of 2011): drawn to scale, both would be slivers
at the edges of an empty chart.
"""

from collections.abc import Iterable, Sequence
from datetime import MAXYEAR, datetime, timedelta
from itertools import pairwise

MAX_POINTS = 500
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
WIDTHS = (
    *(_MINUTE * n for n in (1, 5, 15, 30)),
    *(_HOUR * n for n in (1, 3, 6, 12)),
    *(_DAY * n for n in (1, 7, 30, 365)),
)
"""Widths of a bucket, in seconds."""

_MONTH = 30 * _DAY
_STEPS = (
    *((n, "%H:%M:%S<br>%d %b") for n in (10, 20)),
    *((_MINUTE * n, "%H:%M<br>%d %b") for n in (1, 2)),
    *((_MINUTE * n, "%H:%M<br>%d %b") for n in (5, 15, 30, 60, 180, 360, 720)),
    *((_DAY * n, "%d %b<br>%Y") for n in (1, 2, 7, 14)),
    *((_MONTH * n, "%b<br>%Y") for n in (1, 2, 3, 6)),
    *((12 * _MONTH * n, "%Y") for n in (1, 2, 5, 10)),
)
"""The possible distances between the named instants of an axis, in seconds, and the format of their names."""
_MOST_TICKS = 7

_SILENCE = 0.25
"""A gap is left out when it takes this share of the time that is drawn."""
_MOST_SILENCES = 3
_FEWEST_POINTS = 8

Span = tuple[datetime, datetime]


def silences(gaps: Iterable[float], span: float) -> list[float]:
    """Return the gaps that are left out of a span, longest first (all in seconds)."""
    left_out: list[float] = []
    for gap in sorted(gaps, reverse=True)[:_MOST_SILENCES]:
        if gap <= 0 or gap < _SILENCE * span:
            break
        left_out.append(gap)
        span -= gap
    return left_out


def choose_width(span: float, gaps: Iterable[float], most: int = MAX_POINTS, window: int = _MINUTE) -> int:
    """Return the narrowest width in seconds with which a span, its silences left out, has at most `most` buckets.

    Args:
        span: the time that is drawn, seconds.
        gaps: times without messages, seconds.
        most: number of buckets.
        window: the width of the run's own windows, seconds; no bucket is narrower.
    """
    left_out = silences(gaps, span)
    drawn = span - sum(left_out)
    # Each span between gaps may begin and end inside a bucket.
    return next(
        (
            width
            for width in (*((window,) if window < _MINUTE else ()), *WIDTHS)
            if drawn / width + len(left_out) + 1 <= most
        ),
        WIDTHS[-1],
    )


def silent_spans(times: Sequence[datetime], width: int) -> list[Span]:
    """Return from when to when nothing is drawn between buckets that begin at `times` (ascending)."""
    if len(times) < _FEWEST_POINTS:
        return []
    pairs = list(pairwise(times))
    gaps = [(after - before).total_seconds() - width for before, after in pairs]
    left_out = set(silences(gaps, (times[-1] - times[0]).total_seconds() + width))
    step = timedelta(seconds=width)
    return [(before + step, after) for (before, after), gap in zip(pairs, gaps, strict=True) if gap in left_out]


def width_words(width: int) -> str:
    """Return a width as text after "every": "minute", "5 minutes", "day"."""
    for unit, name in ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute")):
        if width % unit == 0:
            return name if width == unit else f"{width // unit} {name}s"
    return f"{width} seconds"


def ticks(first: datetime, last: datetime, silent: Sequence[Span]) -> list[tuple[datetime, str]]:
    """Return instants to name on an axis with cut-out silences, at equal distances, with their names."""
    begins = [first, *(end for _, end in silent)]
    ends = [*(start for start, _ in silent), last]
    drawn = sum((end - start).total_seconds() for start, end in zip(begins, ends, strict=True))
    step, shape = next(((step, shape) for step, shape in _STEPS if drawn <= _MOST_TICKS * step), _STEPS[-1])
    named: list[tuple[datetime, str]] = []
    passed, before = 0.0, float(-step)
    for begin, end in zip(begins, ends, strict=True):
        for at in _rounds(begin, end, step) or [begin]:
            place = passed + (at - begin).total_seconds()
            if place - before >= 0.6 * step:
                named.append((at, at.strftime(shape)))
                before = place
        passed += (end - begin).total_seconds()
    return named


def later(time: datetime, seconds: float) -> datetime:
    """Return the instant so many seconds later, at most the last one of the calendar."""
    left = (datetime.max - time.replace(tzinfo=None)).total_seconds()
    return datetime.max.replace(tzinfo=time.tzinfo) if seconds >= left else time + timedelta(seconds=seconds)


def _rounds(begin: datetime, end: datetime, step: int) -> list[datetime]:
    """Return the round instants from `begin` until before `end`: of months, or of the day."""
    found = []
    if step < _MONTH:
        at = begin.replace(hour=0, minute=0, second=0, microsecond=0)
        while at < end:
            if at >= begin:
                found.append(at)
            at = later(at, step)
        return found
    months = step // _MONTH
    number = begin.year * 12 + (begin.month - 1) // months * months
    while number // 12 <= MAXYEAR:
        at = begin.replace(number // 12, number % 12 + 1, 1, hour=0, minute=0, second=0, microsecond=0)
        if at >= end:
            break
        if at >= begin:
            found.append(at)
        number += months
    return found
