"""uvicorn's HTTP protocol with bounds on what a slow or greedy client may hold: time and bytes of head, body and response.

uvicorn ends idle connections between requests only. A client that sends its headers or its body a byte at a time, or that
does not read its response, would keep a connection for ever (slowloris).
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from services.api.http.problems import MEDIA_TYPE, problem_body

HEAD_SECONDS = 10.0
BODY_SECONDS = 30.0
WRITE_SECONDS = 30.0
MAX_HEAD_BYTES = 16 * 1024
"""Request line and headers; a token has at most 8 KiB."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection."""

    head_seconds = HEAD_SECONDS
    body_seconds = BODY_SECONDS
    write_seconds = WRITE_SECONDS
    max_head_bytes = MAX_HEAD_BYTES

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_head, self._head_bytes, self._ended = True, 0, False
        self._read_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self._arm(self.head_seconds)  # a client that connects and is silent

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended = True
        for timer in (self._read_timer, self._write_timer):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._ended:
            return
        if self._in_head:
            if self._read_timer is None:
                self._arm(self.head_seconds)  # the next request of a kept connection
            self._head_bytes += len(data)
            # The end of the head may be in these bytes: feed no more than the head may have, then look again.
            allowed = self.max_head_bytes - (self._head_bytes - len(data))
            head, rest = data[: max(0, allowed)], data[max(0, allowed) :]
            if head:
                super().data_received(head)
            if rest and self._in_head and not self._ended:
                self._refuse(431, "the request line and headers are too large")
            elif rest and not self._ended:
                super().data_received(rest)
            return
        super().data_received(data)

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._arm(self.body_seconds)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._disarm()
        self._in_head, self._head_bytes = True, 0
        super().on_message_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._write_timer = self.loop.call_later(self.write_seconds, self._abort)

    def resume_writing(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None
        super().resume_writing()

    def _arm(self, seconds: float) -> None:
        self._disarm()
        self._read_timer = self.loop.call_later(seconds, self._too_slow)

    def _disarm(self) -> None:
        if self._read_timer is not None:
            self._read_timer.cancel()
            self._read_timer = None

    def _too_slow(self) -> None:
        if self._in_head and self._head_bytes:
            self._refuse(408, "the request did not arrive in time")
        else:
            self._abort()

    def _refuse(self, status: int, detail: str) -> None:
        """Answer with a problem and close; nothing more of this connection is read."""
        body = problem_body(status, detail)
        head = f"HTTP/1.1 {status} \r\ncontent-type: {MEDIA_TYPE}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        self._ended = True
        self.transport.write(head.encode() + body)
        self.transport.close()

    def _abort(self) -> None:
        self._ended = True
        self.transport.abort()
