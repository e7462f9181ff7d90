"""One append and its end, the limits that all appends keep, and the rule that explains a stream's row count."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from schemas.outcomes import Code
from transforms.sinks.bigquery import chunks
from transforms.sinks.bigquery.append_stream import Reply
from transforms.sinks.bigquery.backoff import RetryState
from transforms.sinks.bigquery.write_streams import GaveUp

MAX_IN_FLIGHT = 4
MAX_STREAM_BYTES = 16 << 20  # what a PENDING stream may hold, for its rows are kept in memory until it is finalized
REPLY_TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True)
class AppendLimits:
    """How much one request and one stream may hold, and how long a reply may take."""

    max_rows: int = chunks.MAX_ROWS
    max_bytes: int = chunks.MAX_BYTES
    max_in_flight: int = MAX_IN_FLIGHT
    max_stream_bytes: int = MAX_STREAM_BYTES
    reply_timeout_seconds: float = REPLY_TIMEOUT_SECONDS

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0:
                raise ValueError(f"{name} must be positive, got {value!r}")


@dataclass
class Append:
    """One request and what became of it so far.

    `mark` is the caller's own word about the rows, given back with them. `alone`: nothing before it was unsettled when
    it was sent. `in_doubt`: an earlier try of it may be in the stream.
    """

    rows: pa.RecordBatch
    mark: object
    payload: bytes | None = None
    offset: int = 0
    alone: bool = True
    in_doubt: bool = False
    attempts: int = 0
    trial: RetryState = field(default_factory=RetryState)
    reply: Reply | None = None
    verdict: GaveUp | None = None


@dataclass(frozen=True)
class Lost:
    """Rows that the table did not take."""

    rows: pa.RecordBatch
    code: Code
    reason: str
    attempts: int
    mark: object


def appends_held(held_rows: int, in_doubt: Sequence[tuple[int, int]], row_count: int) -> int | None:
    """Say how many of the appends in doubt a stream of `row_count` rows holds; None: that count cannot be
    explained.

    `in_doubt` are (offset, rows) in the order of sending. An append is in the stream only at the offset it
    was sent to.
    """
    end = held_rows
    for taken, (offset, rows) in enumerate(in_doubt):
        if end == row_count:
            return taken
        if offset != end:
            return None
        end += rows
    return len(in_doubt) if end == row_count else None
