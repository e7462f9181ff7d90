"""Append the rows of one table: several requests in flight, and every row has an outcome.

Replies are settled in the order of sending, so an append is judged only after all before it. On a PENDING stream every
append carries its offset, and what was sent is kept until the stream is finalized: the finalized row count then tells
which appends the stream holds. If an append fails for good, or the stream was closed, or the count does not match, the
stream is finalized early and the rest goes into another; a stream whose count cannot be explained stays uncommitted and
all its rows are sent again. So a lost reply can neither lose a row nor write one twice. What follows from each reply is
the table in append_steps.py.
"""

from collections import deque
from collections.abc import Callable

import pyarrow as pa

from schemas.outcomes import Code
from transforms.sinks.bigquery import chunks
from transforms.sinks.bigquery.append_errors import Failure, Kind, classify
from transforms.sinks.bigquery.append_outcome import outcome_of
from transforms.sinks.bigquery.append_steps import Step, rule_for
from transforms.sinks.bigquery.append_stream import WriteStream
from transforms.sinks.bigquery.appends import Append, AppendLimits, Bisection, RejectedRows, appends_held
from transforms.sinks.bigquery.backoff import RetryBudget
from transforms.sinks.bigquery.write_streams import AppendFailed, Streams

_TOO_LARGE = Failure(Kind.PERMANENT, "ROW_TOO_LARGE", "column unknown: the row is larger than a request may be")


class TableAppender:
    """The appends of one table; read their outcome from `written`, `sealed` and `rejected`.

    Args:
        streams: opens and finalizes the table's streams.
        budget: how long failed requests are retried.
        limits: sizes of requests and streams.
        report: is called for every failure that rejects a whole request.
    """

    def __init__(
        self, streams: Streams, budget: RetryBudget, limits: AppendLimits, report: Callable[[AppendFailed], None]
    ) -> None:
        self.written = 0
        self.sealed: list[tuple[str, int]] = []
        self.rejected: list[RejectedRows] = []
        self._streams, self._budget, self._limits, self._report = streams, budget, limits, report
        self._stream: WriteStream | None = None
        self._backlog: deque[Append] = deque()
        self._sent: deque[Append] = deque()
        self._held: list[Append] = []
        self._end = self._stream_bytes = 0
        self._rejects_all = False

    def append(self, rows: pa.RecordBatch, mark: object) -> None:
        """Send rows; returns before they are confirmed."""
        for piece, payload in chunks.cut(rows, self._limits.max_rows, self._limits.max_bytes):
            self._backlog.append(Append(piece, mark, payload))
            if payload is None:
                self._reject(self._backlog.pop(), AppendFailed(_TOO_LARGE, exhausted=False))
            while self._backlog:
                self._advance()

    def drain(self) -> None:
        """Wait until every row is confirmed or rejected; then finalize a PENDING stream."""
        while self._backlog or self._sent or (self._streams.pending and self._stream is not None):
            self._advance(draining=True)

    def reset(self) -> None:
        """Forget what a failed bundle left; its stream is never committed."""
        if self._streams.pending and self._stream is not None:
            self._stream.cancel()
            self._stream = None
        self._backlog.clear()
        self._sent.clear()
        self._held, self._end, self._stream_bytes = [], 0, 0
        self.written, self.sealed, self.rejected = 0, [], []

    def _advance(self, draining: bool = False) -> None:
        """Send one append, or settle the oldest one, or finalize the stream."""
        full = self._stream_bytes >= self._limits.max_stream_bytes
        if self._backlog and not full and len(self._sent) < self._in_flight_limit():
            self._send_next()
        elif self._sent:
            self._settle(self._sent.popleft())
        elif full or draining:
            self._seal()

    def _in_flight_limit(self) -> int:
        """Return how many requests may wait for replies; parts of a bisection go one by one, for most of them fail."""
        parts = self._backlog[0].bisection is not None or any(sent.bisection is not None for sent in self._sent)
        return 1 if parts else self._limits.max_in_flight

    def _send_next(self) -> None:
        append = self._backlog.popleft()
        if self._stream is None:
            try:
                self._stream = self._streams.open()
            except AppendFailed as failed_append:
                self._reject(append, failed_append)
                return
        append.alone, append.in_doubt = not self._sent, False
        if self._streams.pending:
            self._stream_bytes += append.rows.nbytes
        self._transmit(append, self._end + sum(sent.rows.num_rows for sent in self._sent))
        self._sent.append(append)

    def _transmit(self, append: Append, offset: int) -> None:
        assert self._stream is not None
        payload = append.payload or append.rows.serialize().to_pybytes()
        append.payload = None  # resending is rare: keep the rows, not their bytes too
        append.offset = offset
        append.attempts += 1
        append.reply = self._stream.send(payload, append.rows.schema, offset if self._streams.pending else None)

    def _settle(self, append: Append) -> None:
        """Take the oldest append to its outcome, by the table of states."""
        while append.rows.num_rows:
            assert append.reply is not None
            assert self._stream is not None
            failure = outcome_of(append, self._stream, self._limits.reply_timeout_seconds, self._streams.pending)
            rule = rule_for(failure.kind, alone=append.alone)
            step = rule.in_doubt if append.in_doubt and self._streams.pending else rule.certain
            if rule.answered:
                self._budget.succeeded()
            if rule.waits and not self._budget.wait(append.retries):
                return self._give_up(append, AppendFailed(failure, exhausted=True))
            if step is Step.RECORD:
                return self._record(append)
            if step is Step.LEAVE:
                return self._leave(append)
            if step is Step.GIVE_UP:
                return self._give_up(append, AppendFailed(failure, exhausted=False))
            if step is Step.DROP_ROWS:
                self.rejected += append.drop(failure.rows)
            elif step is Step.HALVE:
                self._halve(append, failure)
            append.alone = True
            append.in_doubt |= rule.doubtful
            if append.rows.num_rows:
                self._transmit(append, self._end)

    def _record(self, append: Append) -> None:
        """Count an append whose rows the stream holds."""
        self._rejects_all = False
        if append.bisection is not None:
            append.bisection.rejected = 0
        if not self._streams.pending:
            self.written += append.rows.num_rows
        elif append.offset != self._end:
            self._leave(append)
        else:
            self._held.append(append)
            self._end += append.rows.num_rows

    def _halve(self, append: Append, failure: Failure) -> None:
        """Keep the first half of a request that was rejected whole, and put the second one next; reject a single row.

        Nothing of the request was written. Depth first, so that the halves of one request are the only ones in doubt.
        """
        if append.bisection is None:
            append.bisection = Bisection(table_rejects_all=self._rejects_all)
        if append.rows.num_rows == 1 or append.bisection.ended:
            append.bisection.rejected += 1
            self._rejects_all |= append.bisection.ended
            self._reject(append, AppendFailed(failure, exhausted=False))
            append.rows = append.rows.slice(0, 0)
        else:
            self._backlog.appendleft(append.cut_in_half())

    def _give_up(self, append: Append, failed_append: AppendFailed) -> None:
        if not self._streams.pending:
            return self._reject(append, failed_append)
        append.verdict = failed_append
        self._leave(append)

    def _leave(self, append: Append) -> None:
        """Finalize the stream with appends in doubt; those that it does not hold go into another stream."""
        self._sent.appendleft(append)
        self._seal()

    def _seal(self) -> None:
        stream, self._stream = self._stream, None
        held, in_doubt = self._held, list(self._sent)
        end, self._end, self._stream_bytes = self._end, 0, 0
        self._held = []
        self._sent.clear()
        assert stream is not None
        if not held and not in_doubt:  # nothing was accepted: the stream stays empty and is never committed
            return stream.renew()
        (stream.cancel if in_doubt else stream.renew)()
        rest, gone = held + in_doubt, classify("UNKNOWN")
        try:
            count = self._streams.finalize(stream)
        except AppendFailed as failed_append:
            if failed_append.failure.kind is not Kind.STREAM:
                for append in rest:
                    self._reject(append, append.verdict or failed_append)
                return
            gone = failed_append.failure
        else:
            taken = appends_held(end, [(append.offset, append.rows.num_rows) for append in in_doubt], count)
            if taken is not None:
                self.sealed += [(stream.name, count)] if count else []
                self.written += count
                self._resend(in_doubt[taken:])
                return
        if self._budget.wait(rest[0].retries):
            self._resend(rest)
        else:
            for append in rest:
                self._reject(append, append.verdict or AppendFailed(gone, exhausted=True))

    def _resend(self, appends: list[Append]) -> None:
        for append in reversed(appends):
            if append.verdict is None:
                self._backlog.appendleft(append)
            else:
                self._reject(append, append.verdict)

    def _reject(self, append: Append, failed_append: AppendFailed) -> None:
        code = Code.SINK_EXHAUSTED if failed_append.exhausted else Code.SINK_REJECTED
        self._report(failed_append)
        self.rejected.append(append.reject(range(append.rows.num_rows), code, failed_append.failure.reason, None))
