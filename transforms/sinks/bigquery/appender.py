"""Append the rows of one table: several requests in flight, and no row without an outcome.

Replies are settled in the order of sending, so an append is judged only when all before it are. On a PENDING
stream every append carries its offset and what was sent is kept until the stream is finalized: the finalized
row count then says exactly which appends are in it. Where an append fails for good, where the stream was
closed under us or anything does not add up, the stream is finalized early and the rest goes on in another; a
stream whose count cannot be explained is left uncommitted and all its rows are sent again. So a lost reply
can neither lose a row nor write one twice.
"""

from collections import deque
from collections.abc import Callable

import pyarrow as pa
from google.cloud.bigquery_storage_v1 import types

from schemas.outcomes import Code
from transforms.sinks.bigquery import chunks
from transforms.sinks.bigquery.append_errors import (
    Failure,
    Kind,
    classify,
    classify_connection,
    classify_reply,
    on_default_stream,
)
from transforms.sinks.bigquery.append_stream import ConnectionEnded, WriteStream
from transforms.sinks.bigquery.appends import Append, AppendLimits, Lost, appends_held
from transforms.sinks.bigquery.backoff import RetryBudget
from transforms.sinks.bigquery.write_streams import GaveUp, Streams

_UNSEEN = Failure(Kind.UNSEEN, "CONNECTION_ENDED", "CONNECTION_ENDED")
_TOO_LARGE = Failure(Kind.PERMANENT, "ROW_TOO_LARGE", "column unknown: the row is larger than a request may be")


class TableAppender:
    """Appends of one table; what came of them is read from `written`, `sealed` and `lost`."""

    def __init__(
        self, streams: Streams, patience: RetryBudget, limits: AppendLimits, report: Callable[[GaveUp], None]
    ) -> None:
        self.written = 0
        self.sealed: list[tuple[str, int]] = []
        self.lost: list[Lost] = []
        self._streams, self._patience, self._limits, self._report = streams, patience, limits, report
        self._stream: WriteStream | None = None
        self._backlog: deque[Append] = deque()
        self._sent: deque[Append] = deque()
        self._held: list[Append] = []
        self._end = self._stream_bytes = 0

    def append(self, rows: pa.RecordBatch, mark: object) -> None:
        """Send rows; returns before they are confirmed."""
        for piece, payload in chunks.cut(rows, self._limits.max_rows, self._limits.max_bytes):
            self._backlog.append(Append(piece, mark, payload))
            if payload is None:
                self._lose(self._backlog.pop(), GaveUp(_TOO_LARGE, exhausted=False))
            while self._backlog:
                self._step()

    def drain(self) -> None:
        """Wait until every row is confirmed or lost; a PENDING stream is finalized then."""
        while self._backlog or self._sent or (self._streams.pending and self._stream is not None):
            self._step(draining=True)

    def reset(self) -> None:
        """Forget what a failed bundle left behind: its stream is never committed."""
        if self._streams.pending and self._stream is not None:
            self._stream.cancel()
            self._stream = None
        self._backlog.clear()
        self._sent.clear()
        self._held, self._end, self._stream_bytes = [], 0, 0
        self.written, self.sealed, self.lost = 0, [], []

    def _step(self, draining: bool = False) -> None:
        full = self._stream_bytes >= self._limits.max_stream_bytes
        if self._backlog and not full and len(self._sent) < self._limits.max_in_flight:
            self._send_next()
        elif self._sent:
            self._settle(self._sent.popleft())
        elif full or draining:
            self._seal()

    def _send_next(self) -> None:
        append = self._backlog.popleft()
        if self._stream is None:
            try:
                self._stream = self._streams.open()
            except GaveUp as gave_up:
                self._lose(append, gave_up)
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
        """Bring the oldest append to an end."""
        while (failure := self._outcome(append)) is not None:
            kind = failure.kind
            if kind is Kind.WRITTEN:
                break
            if kind is Kind.PERMANENT:
                return self._give_up(append, GaveUp(failure, exhausted=False))
            if kind is Kind.ROWS:
                self._patience.succeeded()
                if append.in_doubt and self._streams.pending:  # an earlier try may be written all the same
                    return self._leave(append)
                self._drop_bad_rows(append, failure)
                if not append.rows.num_rows:
                    return None
            elif kind is not Kind.UNSEEN and (kind is not Kind.BEHIND or append.alone):
                if not self._patience.wait(append.trial):
                    return self._give_up(append, GaveUp(failure, exhausted=True))
                if kind is not Kind.TRANSIENT:  # the stream ended, or does not end where we left it
                    return self._leave(append)
            append.alone = True
            append.in_doubt |= kind in (Kind.TRANSIENT, Kind.UNSEEN)
            self._transmit(append, self._end)
        self._patience.succeeded()
        if not self._streams.pending:
            self.written += append.rows.num_rows
        elif append.offset != self._end:
            self._leave(append)
        else:
            self._held.append(append)
            self._end += append.rows.num_rows

    def _outcome(self, append: Append) -> Failure | None:
        """Wait for a reply; None: the rows are written."""
        assert self._stream is not None
        assert append.reply is not None
        try:
            reply = append.reply.result(self._limits.reply_timeout_seconds)
        except TimeoutError:
            self._stream.cancel()
            return classify("DEADLINE_EXCEEDED")
        except ConnectionEnded:
            return _UNSEEN
        except Exception as error:  # whatever ended the connection; classified, never raised
            return self._here(classify_connection(error))
        if types.AppendRowsResponse.pb(reply).HasField("updated_schema"):
            self._stream.renew()  # a connection goes on with the schema it began with
        failure = classify_reply(reply, append.rows.schema.names, append.rows.num_rows)
        return self._here(failure) if failure is not None else None

    def _here(self, failure: Failure) -> Failure:
        return failure if self._streams.pending else on_default_stream(failure)

    def _drop_bad_rows(self, append: Append, failure: Failure) -> None:
        bad: dict[str, list[int]] = {}
        for index, reason in failure.rows.items():
            bad.setdefault(reason, []).append(index)
        for reason, indexes in bad.items():
            rows = append.rows.take(pa.array(indexes, pa.int64()))
            self.lost.append(Lost(rows, Code.SINK_REJECTED, reason, append.attempts, append.mark))
        good = [index for index in range(append.rows.num_rows) if index not in failure.rows]
        append.rows = append.rows.take(pa.array(good, pa.int64()))

    def _give_up(self, append: Append, gave_up: GaveUp) -> None:
        if not self._streams.pending:
            return self._lose(append, gave_up)
        append.verdict = gave_up
        self._leave(append)

    def _leave(self, append: Append) -> None:
        """Finalize the stream with appends in doubt; those that are not in it go on in another stream."""
        self._sent.appendleft(append)
        self._seal()

    def _seal(self) -> None:
        stream, self._stream = self._stream, None
        held, in_doubt = self._held, list(self._sent)
        end, self._end, self._stream_bytes = self._end, 0, 0
        self._held = []
        self._sent.clear()
        assert stream is not None
        if not held and not in_doubt:  # nothing was accepted: the stream stays empty, and is never committed
            return stream.renew()
        (stream.cancel if in_doubt else stream.renew)()
        rest, gone = held + in_doubt, classify("UNKNOWN")
        try:
            count = self._streams.finalize(stream)
        except GaveUp as gave_up:
            if gave_up.failure.kind is not Kind.STREAM:
                for append in rest:
                    self._lose(append, append.verdict or gave_up)
                return None
            gone = gave_up.failure
        else:
            taken = appends_held(end, [(append.offset, append.rows.num_rows) for append in in_doubt], count)
            if taken is not None:
                self.sealed += [(stream.name, count)] if count else []
                self.written += count
                self._resend(in_doubt[taken:])
                return None
        if self._patience.wait(rest[0].trial):
            self._resend(rest)
        else:
            for append in rest:
                self._lose(append, append.verdict or GaveUp(gone, exhausted=True))

    def _resend(self, appends: list[Append]) -> None:
        for append in reversed(appends):
            if append.verdict is None:
                self._backlog.appendleft(append)
            else:
                self._lose(append, append.verdict)

    def _lose(self, append: Append, gave_up: GaveUp) -> None:
        code = Code.SINK_EXHAUSTED if gave_up.exhausted else Code.SINK_REJECTED
        self._report(gave_up)
        rows = append.rows.take(
            pa.array(range(append.rows.num_rows), pa.int64())
        )  # a slice pickles what it is cut from
        self.lost.append(Lost(rows, code, gave_up.failure.reason, max(1, append.attempts), append.mark))
