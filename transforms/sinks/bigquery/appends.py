"""One append and its outcome, the limits that all appends keep, and the rule that explains a stream's row count."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from schemas.outcomes import Code
from transforms.sinks.bigquery import chunks
from transforms.sinks.bigquery.append_errors import RowReason
from transforms.sinks.bigquery.append_stream import Reply
from transforms.sinks.bigquery.backoff import RetryState
from transforms.sinks.bigquery.write_streams import AppendFailed

MAX_IN_FLIGHT = 4
MAX_STREAM_BYTES = 16 << 20  # rows of a PENDING stream are kept in memory until it is finalized
REPLY_TIMEOUT_SECONDS = 60.0
MAX_SINGLE_REJECTIONS = 100
REJECTIONS_AFTER_THAT = 8


@dataclass(frozen=True)
class AppendLimits:
    """Limits of requests and streams.

    Args:
        max_rows: rows per request.
        max_bytes: bytes per request.
        max_in_flight: requests per table that wait for their reply.
        max_stream_bytes: bytes of Arrow data per PENDING stream.
        reply_timeout_seconds: how long a reply may take, seconds.
    """

    max_rows: int = chunks.MAX_ROWS
    max_bytes: int = chunks.MAX_BYTES
    max_in_flight: int = MAX_IN_FLIGHT
    max_stream_bytes: int = MAX_STREAM_BYTES
    reply_timeout_seconds: float = REPLY_TIMEOUT_SECONDS

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0:
                raise ValueError(f"{name} must be positive, got {value!r}")


@dataclass(frozen=True)
class RejectedRows:
    """Rows that the table rejected; `column` is the column that it named."""

    rows: pa.RecordBatch
    code: Code
    reason: str
    column: str | None
    attempts: int
    mark: object


@dataclass
class Bisection:
    """The search for the bad rows of one request that was rejected whole.

    It takes at most 2 log2(rows) + 1 requests per bad row. A table that rejects every row, for example because its
    schema differs, would take two requests per row: so after 100 rejected rows without an accepted part between them,
    the rest is sent in the largest parts and is not halved any more. `table_rejects_all` says that the search in the
    request before ended so; then 8 rejected rows end this one.
    """

    table_rejects_all: bool = False
    rejected: int = 0

    @property
    def ended(self) -> bool:
        """Return whether rejected parts are not halved any more."""
        return self.rejected >= (REJECTIONS_AFTER_THAT if self.table_rejects_all else MAX_SINGLE_REJECTIONS)


@dataclass
class Append:
    """One request and what became of it so far.

    Args:
        rows: the rows of the request.
        mark: a value of the caller, which is returned with rejected rows.
        payload: the serialized rows; None to serialize them when they are sent.
        offset: where in the stream it was sent to.
        alone: nothing before it was unsettled when it was sent.
        in_doubt: an earlier try may be in the stream.
        attempts: how often it was sent.
        bisection: the search that it is a part of.
        verdict: why its rows are rejected, if they are not in the stream.
    """

    rows: pa.RecordBatch
    mark: object
    payload: bytes | None = None
    offset: int = 0
    alone: bool = True
    in_doubt: bool = False
    attempts: int = 0
    retries: RetryState = field(default_factory=RetryState)
    reply: Reply | None = None
    bisection: Bisection | None = None
    verdict: AppendFailed | None = None

    def reject(self, indexes: Sequence[int], code: Code, reason: str, column: str | None) -> RejectedRows:
        """Return rows of the request as rejected; they are copied, since a slice is pickled with all that it is cut from."""
        rows = self.rows.take(pa.array(indexes, pa.int64()))
        return RejectedRows(rows, code, reason, column, max(1, self.attempts), self.mark)

    def drop(self, reasons: Mapping[int, RowReason]) -> list[RejectedRows]:
        """Remove the rows of these indexes and return them as rejected, one element per reason."""
        by_reason: dict[RowReason, list[int]] = {}
        for index, reason in reasons.items():
            by_reason.setdefault(reason, []).append(index)
        rejected = [
            self.reject(indexes, Code.SINK_REJECTED, str(reason), reason.column)
            for reason, indexes in by_reason.items()
        ]
        good = [index for index in range(self.rows.num_rows) if index not in reasons]
        self.rows = self.rows.take(pa.array(good, pa.int64()))
        return rejected

    def cut_in_half(self) -> "Append":
        """Keep the first half of the rows, and return the second half as a request of its own."""
        middle = self.rows.num_rows // 2
        second = Append(self.rows.slice(middle), self.mark, attempts=self.attempts, bisection=self.bisection)
        self.rows = self.rows.slice(0, middle)
        return second


def appends_held(held_rows: int, in_doubt: Sequence[tuple[int, int]], row_count: int) -> int | None:
    """Return how many of the appends in doubt a stream of `row_count` rows holds; None if nothing explains that count.

    Args:
        held_rows: rows of the appends before them.
        in_doubt: (offset, rows) in the order of sending. An append is in the stream only at the offset it was sent to.
        row_count: rows of the finalized stream.
    """
    end = held_rows
    for taken, (offset, rows) in enumerate(in_doubt):
        if end == row_count:
            return taken
        if offset != end:
            return None
        end += rows
    return len(in_doubt) if end == row_count else None
