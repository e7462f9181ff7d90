"""Read a client's requests with a deadline for each part, so that a slow or silent client cannot hold a thread."""

from __future__ import annotations

import io
import socket
import time
from typing import Any

HEAD_SECONDS = 30.0
"""For the first line and the headers; also how long a connection may stay silent before its first request."""
IDLE_SECONDS = 600.0
"""How long a client that has been answered may keep its connection without a request."""
BODY_SECONDS = 30.0
_BODY_BYTES_PER_SECOND = 256 * 1024
"""A body may take BODY_SECONDS, and a second more for each of these."""


class TimedReader(io.RawIOBase):
    """The bytes that a client sends, until the deadline; TimeoutError after it."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.allow(HEAD_SECONDS)

    def allow(self, seconds: float) -> None:
        """Set the deadline to this many seconds from now."""
        self._deadline = time.monotonic() + seconds

    def allow_body(self, size: int) -> None:
        """Set the deadline for a body of this many bytes."""
        self.allow(BODY_SECONDS + size / _BODY_BYTES_PER_SECOND)

    def readable(self) -> bool:
        """Return True, as io.BufferedReader asks."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer with what has arrived; return the number of bytes, 0 at the end."""
        remaining = self._deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError("the client is too slow")
        self._connection.settimeout(remaining)
        return self._connection.recv_into(buffer)
