"""A connection to one BigQuery write stream: appends are sent without waiting, replies arrive in the same order.

The raw bidirectional call is used, and not google-cloud-bigquery-storage's AppendRowsStream: that helper
loses the status of a connection that does not open (every error becomes "There was a problem opening the
stream"), gives each waiting append the status of the first, reconnects from a thread of its own while appends
are being sent, and sleeps 80 ms at each opening. Here a reader thread a connection does nothing but resolve
futures, and the caller decides when to reconnect.
"""

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future

import pyarrow as pa
from google.cloud.bigquery_storage_v1 import BigQueryWriteClient, types

MAX_AGE_SECONDS = 540.0  # BigQuery closes a connection after about 10 minutes, idle or not
Reply = Future[types.AppendRowsResponse]


class ConnectionClosed(Exception):
    """The server closed the connection without a word, and this append was the first that waited."""


class ConnectionEnded(Exception):
    """The connection ended while an append waited behind the one that ended it; its outcome is unknown."""


class _Connection:
    """One open AppendRows call."""

    def __init__(self, client: BigQueryWriteClient, stream: str, opened: float) -> None:
        self.opened = opened
        self.ended = False
        self.schema: pa.Schema | None = None
        self._requests: queue.SimpleQueue[types.AppendRowsRequest | None] = queue.SimpleQueue()
        self._waiting: deque[Reply] = deque()
        self._lock = threading.Lock()
        self._error: BaseException = ConnectionClosed()
        # The header names the region to route to; only the client libraries' helpers would add it.
        header = (("x-goog-request-params", f"write_stream={stream}"),)
        self._call = client.transport.append_rows(self._outgoing(), metadata=header)
        threading.Thread(target=self._read, name="append-rows-replies", daemon=True).start()

    def send(self, request: types.AppendRowsRequest) -> Reply:
        """Queue one append."""
        reply: Reply = Future()
        with self._lock:
            if self.ended:
                reply.set_exception(self._error)
                return reply
            self._waiting.append(reply)
            self._requests.put(request)
        return reply

    def retire(self) -> None:
        """Send nothing more; replies that are owed still come."""
        self.ended = True
        self._requests.put(None)

    def cancel(self) -> None:
        """Drop the call: appends that wait fail as cancelled."""
        self.retire()
        self._call.cancel()

    def _outgoing(self) -> Iterator[types.AppendRowsRequest]:
        while (request := self._requests.get()) is not None:
            yield request

    def _read(self) -> None:
        try:
            for response in self._call:
                with self._lock:
                    reply = self._waiting.popleft()
                reply.set_result(response)
        except Exception as failure:  # whatever ends the call is the answer to the append that waits first
            self._error = failure
        with self._lock:
            self.ended = True
            waiting, self._waiting = self._waiting, deque()
        self._requests.put(None)  # lets gRPC's sending thread go
        for position, reply in enumerate(waiting):
            reply.set_exception(ConnectionEnded() if position else self._error)


class WriteStream:
    """One write stream by name; its connection opens with the first append and is renewed when it has ended or is old."""

    def __init__(
        self,
        client: BigQueryWriteClient,
        name: str,
        *,
        trace_id: str,
        max_age_seconds: float = MAX_AGE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.connections = 0
        self._client, self._trace_id = client, trace_id
        self._max_age, self._clock = max_age_seconds, clock
        self._connection: _Connection | None = None

    def send(self, payload: bytes, schema: pa.Schema, offset: int | None) -> Reply:
        """Append one serialized record batch, at an offset if the stream has offsets."""
        connection = self._connected()
        request = types.AppendRowsRequest.pb()()
        request.arrow_rows.rows.serialized_record_batch = payload
        if connection.schema is None or not (connection.schema is schema or connection.schema.equals(schema)):
            request.write_stream = self.name
            request.trace_id = self._trace_id
            request.arrow_rows.writer_schema.serialized_schema = schema.serialize().to_pybytes()
            connection.schema = schema
        if offset is not None:
            request.offset.value = offset
        return connection.send(types.AppendRowsRequest.wrap(request))

    def renew(self) -> None:
        """Let the next append open another connection: the table's schema changed, or the stream is left."""
        if self._connection is not None:
            self._connection.retire()

    def cancel(self) -> None:
        """Give up on a connection that does not answer."""
        if self._connection is not None:
            self._connection.cancel()

    def _connected(self) -> _Connection:
        connection = self._connection
        if connection is not None and self._clock() - connection.opened > self._max_age:
            connection.retire()
        if connection is None or connection.ended:
            connection = self._connection = _Connection(self._client, self.name, self._clock())
            self.connections += 1
        return connection
