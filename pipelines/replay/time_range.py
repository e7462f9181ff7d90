"""Ranges of a replay: half-open intervals of UTC microseconds, given by two times or by the name of a period. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from pipelines.errors import UserError
from schemas.timestamps import SECOND_US, from_datetime, to_datetime, to_rfc3339

CLOCKS = ("publish_time", "event_time")
PERIODS = ("previous-hour", "previous-day", "previous-week", "previous-month")


@dataclass(frozen=True)
class Range:
    """[start, end) in UTC microseconds, on the clock `by`."""

    start: int
    end: int
    by: str = "publish_time"

    def __post_init__(self) -> None:
        if self.by not in CLOCKS:
            raise ValueError(f"by must be one of {', '.join(CLOCKS)}, got {self.by!r}")
        if self.start >= self.end:
            raise ValueError(f"the range starts at {to_rfc3339(self.start)} and ends at {to_rfc3339(self.end)}")

    def __str__(self) -> str:
        return f"[{to_rfc3339(self.start)}, {to_rfc3339(self.end)}) of {self.by}"

    def holds(self, moment: int) -> bool:
        """Return whether an instant is within the range."""
        return self.start <= moment < self.end


def period(name: str, at: int) -> tuple[int, int]:
    """Return the bounds of a whole period (UTC) before the period of `at`.

    A schedule that starts late passes the time it was due as `at`, and so replays its own period.
    """
    now = to_datetime(at)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if name == "previous-hour":
        end = now.replace(minute=0, second=0, microsecond=0)
        start = end - timedelta(hours=1)
    elif name == "previous-day":
        end, start = midnight, midnight - timedelta(days=1)
    elif name == "previous-week":  # from Monday
        end = midnight - timedelta(days=midnight.weekday())
        start = end - timedelta(days=7)
    elif name == "previous-month":
        end = midnight.replace(day=1)
        start = (end - timedelta(days=1)).replace(day=1)
    else:
        raise ValueError(f"period must be one of {', '.join(PERIODS)}, got {name!r}")
    return from_datetime(start), from_datetime(end)


def make_range(start: int | None, end: int | None, name: str | None, at: int, by: str) -> Range:
    """Return the range that options name; UserError if they name none, both, or a range that ends before it starts."""
    if name is not None:
        if start is not None or end is not None:
            raise UserError(f"--period {name}: does not go with --from or --to; give one of them")
        start, end = period(name, at)
    if start is None or end is None:
        raise UserError("--from T and --to T, or --period NAME: one of them is required")
    if start >= end:
        raise UserError(
            f"--from {to_rfc3339(start)} --to {to_rfc3339(end)}: the range is half-open and must end after it starts"
        )
    return Range(start, end, by)


def hours(start: int, end: int) -> list[datetime]:
    """Return the first instants of the hours that a range touches."""
    first = to_datetime(start).replace(minute=0, second=0, microsecond=0)
    number = -(-(end - from_datetime(first)) // (3600 * SECOND_US))
    return [first + timedelta(hours=hour) for hour in range(number)]
