"""Options of a simulation: checked once, then frozen. A wrong value is a UserError that names option and value."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from pipelines.errors import UserError
from pipelines.simulator.clock import DAY, SECOND, from_datetime

DEFAULT_EVENTS: Final = 100_000
DEFAULT_SEED: Final = 1
DEFAULT_RATE: Final = 0.58
"""Default rate, in events per second: 100,000 events take two days. A shorter run is spread over one day, so that it has
a daily curve and time for orders to get stuck."""
DEFAULT_SHARE: Final = 0.01
DEFAULT_START: Final = "2026-01-01T00:00:00Z"
DEFAULT_EVENT_BYTES: Final = 500
MIN_EVENT_BYTES: Final = 420
MAX_EVENT_BYTES: Final = 2_000
FORMATS: Final = ("messages", "events")
LIVE: Final = "live"
"""The third format, for a publisher: only what Pub/Sub can carry. No line that is not a message, and no fault that
depends on the publish time, which Pub/Sub sets."""

_MAX_SPAN_S: Final = 1e12
_EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(9000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class SimulationConfig:
    """The options of a simulation. Raises UserError for a value out of range.

    `rate` is in events per second of event time (None: DEFAULT_RATE); `dirty`, `duplicates` and `late` are shares of
    all messages; `event_bytes` is the target average size in bytes, reached by the number of items per order.
    """

    events: int = DEFAULT_EVENTS
    seed: int = DEFAULT_SEED
    rate: float | None = None
    dirty: float = DEFAULT_SHARE
    duplicates: float = DEFAULT_SHARE
    late: float = DEFAULT_SHARE
    start: str = DEFAULT_START
    event_bytes: int = DEFAULT_EVENT_BYTES
    format: str = "messages"

    def __post_init__(self) -> None:
        if self.events < 1:
            raise UserError(f"--events {self.events}: at least 1 is needed")
        if self.rate is not None and not (math.isfinite(self.rate) and self.rate > 0):
            raise UserError(f"--rate {self.rate}: events a second of event time, more than 0")
        for name in ("dirty", "duplicates", "late"):
            share = getattr(self, name)
            if not 0 <= share <= 1:
                raise UserError(f"--{name} {share}: a share from 0 to 1 is needed")
        if self.planned < 1:
            raise UserError(
                f"--dirty {self.dirty} with --duplicates {self.duplicates}: "
                f"of --events {self.events} none is left to be copied"
            )
        if not MIN_EVENT_BYTES <= self.event_bytes <= MAX_EVENT_BYTES:
            raise UserError(f"--event_bytes {self.event_bytes}: from {MIN_EVENT_BYTES} to {MAX_EVENT_BYTES}")
        if self.format not in (*FORMATS, LIVE):
            raise UserError(f"--format {self.format}: one of {', '.join(FORMATS)}")
        start = _parse_start(self.start)
        if not from_datetime(_EARLIEST) <= start <= from_datetime(_LATEST) - self.span_us:
            raise UserError(
                f"--start {self.start}: {self.events} events reach out of the years 2000 to 8999 (see --rate)"
            )

    @property
    def start_us(self) -> int:
        """First event time, microseconds since 1970."""
        return _parse_start(self.start)

    @property
    def span_us(self) -> int:
        """Length of the event time, in microseconds."""
        if self.rate is None:
            return max(DAY, int(self.events / DEFAULT_RATE * SECOND))
        return max(1, int(min(self.events / self.rate, _MAX_SPAN_S) * SECOND))

    @property
    def dead_letters(self) -> int:
        """Number of messages that must become dead letters."""
        return round(self.events * self.dirty)

    @property
    def redeliveries(self) -> int:
        """Number of messages that repeat an event."""
        return round(self.events * self.duplicates)

    @property
    def planned(self) -> int:
        """Number of messages that are first deliveries of valid events."""
        return self.events - self.dead_letters - self.redeliveries

    @property
    def delayed(self) -> int:
        """Number of planned events that are published minutes to days late."""
        return min(self.planned, round(self.events * self.late))


def _parse_start(text: str) -> int:
    try:
        start = datetime.fromisoformat(text)
    except ValueError:
        raise UserError(f"--start {text}: no RFC 3339 time, such as {DEFAULT_START}") from None
    if start.tzinfo is None:
        raise UserError(f"--start {text}: the time needs Z or an offset, such as {DEFAULT_START}")
    return from_datetime(start)
