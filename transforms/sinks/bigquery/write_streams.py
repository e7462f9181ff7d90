"""The other calls of the Storage Write API: open a stream, finalize it, commit streams, each within a retry budget.

Google's client retries some of these calls by itself for up to 20 minutes; its retries are switched off here,
so that one budget holds for everything.
"""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import grpc
from google.api_core.exceptions import GoogleAPICallError
from google.cloud.bigquery_storage_v1 import BigQueryWriteClient, types

from transforms.sinks.bigquery.append_errors import STORAGE, Failure, Kind, classify, classify_exception
from transforms.sinks.bigquery.append_stream import WriteStream
from transforms.sinks.bigquery.backoff import RetryBudget, RetryState

CALL_TIMEOUT_SECONDS = 60.0  # CreateWriteStream alone may take 25 s when many workers start
_Result = TypeVar("_Result")


class AppendFailed(Exception):
    """A call that failed for good, or for longer than the budget."""

    def __init__(self, failure: Failure, exhausted: bool) -> None:
        super().__init__(failure.reason)
        self.failure, self.exhausted = failure, exhausted


class _CallFailed(Exception):
    """A reply that came without an exception and says that the call failed."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.reason)
        self.failure = failure


def persist(call: Callable[[], _Result], budget: RetryBudget) -> _Result:
    """Call until it succeeds; raise GaveUp for a permanent failure, or when the retry budget is used up.

    A success does not end an outage for the budget: streams can be opened and finalized while no append succeeds. GaveUp
    does not chain the error: a server's text may quote a value.
    """
    retries = RetryState()
    while True:
        try:
            return call()
        except (GoogleAPICallError, grpc.RpcError, TimeoutError) as error:
            failure = classify_exception(error)
        except _CallFailed as error:
            failure = error.failure
        if failure.kind is not Kind.TRANSIENT:
            raise AppendFailed(failure, exhausted=False) from None
        if not budget.wait(retries):
            raise AppendFailed(failure, exhausted=True) from None


class Streams(Protocol):
    """Where the rows of one table go."""

    pending: bool

    def open(self) -> WriteStream:
        """Give a stream to append to; raise GaveUp."""

    def finalize(self, stream: WriteStream) -> int:
        """End a stream and return how many rows it holds; raise GaveUp."""


class DefaultStreams:
    """The table's default stream: rows are visible at once, at least once; it has no offsets and no end."""

    pending = False

    def __init__(self, client: BigQueryWriteClient, table: str, trace_id: str) -> None:
        self._stream = WriteStream(client, f"{table}/streams/_default", trace_id=trace_id)

    def open(self) -> WriteStream:
        """Give the one stream; it keeps its connection."""
        return self._stream

    def finalize(self, stream: WriteStream) -> int:
        """Raise NotImplementedError: the default stream has no end."""
        raise NotImplementedError("the default stream cannot be finalized")


class PendingStreams:
    """PENDING streams of a table: invisible until they are committed."""

    pending = True

    def __init__(
        self,
        client: BigQueryWriteClient,
        table: str,
        trace_id: str,
        budget: RetryBudget,
        call_timeout_seconds: float = CALL_TIMEOUT_SECONDS,
    ) -> None:
        self._client, self._table, self._trace_id = client, table, trace_id
        self._budget, self._timeout = budget, call_timeout_seconds

    def open(self) -> WriteStream:
        """Create a stream. One that was created while the reply was lost stays empty and is never committed."""
        wanted = types.WriteStream(type_=types.WriteStream.Type.PENDING)
        created = persist(
            lambda: self._client.create_write_stream(
                parent=self._table, write_stream=wanted, retry=None, timeout=self._timeout
            ),
            self._budget,
        )
        return WriteStream(self._client, created.name, trace_id=self._trace_id)

    def finalize(self, stream: WriteStream) -> int:
        """End a stream and return how many rows it holds; asking twice gives the same answer."""
        ended = persist(
            lambda: self._client.finalize_write_stream(name=stream.name, retry=None, timeout=self._timeout),
            self._budget,
        )
        return int(ended.row_count)


def commit_streams(
    client: BigQueryWriteClient,
    table: str,
    names: Sequence[str],
    budget: RetryBudget,
    call_timeout_seconds: float = CALL_TIMEOUT_SECONDS,
) -> None:
    """Make the rows of these streams visible, all or none; a commit that was done before counts as done.

    Raises:
        AppendFailed: BigQuery rejected the commit, or the retry budget is used up.
    """

    def call() -> None:
        reply = client.batch_commit_write_streams(
            request=types.BatchCommitWriteStreamsRequest(parent=table, write_streams=names),
            retry=None,
            timeout=call_timeout_seconds,
        )
        failures = [classify("UNKNOWN", STORAGE.get(int(error.code), "")) for error in reply.stream_errors]
        # Our sets of streams are never split, so "already committed" refers to the whole set: a reply was
        # lost.
        real = [failure for failure in failures if failure.kind is not Kind.WRITTEN]
        if real:
            raise _CallFailed(real[0])
        if not failures and not reply.commit_time:  # "if this field is not set, the commit was not successful"
            raise _CallFailed(classify("UNKNOWN"))

    try:
        persist(call, budget)
    except AppendFailed as failed_append:
        if failed_append.failure.kind is not Kind.WRITTEN:
            raise
