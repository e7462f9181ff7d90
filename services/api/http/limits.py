"""How much one caller may ask, and how large a body may be."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from starlette.requests import ClientDisconnect, Request

from services.api.http.problems import Problem

MAX_CALLERS = 10_000
"""Callers whose buckets are kept; the one that was away longest begins with a full bucket again."""


class RateLimiter:
    """A token bucket per caller.

    Args:
        per_second: requests per second in the long run; 0: no limit.
        burst: requests at once.
        clock: monotonic clock, seconds.
    """

    def __init__(self, per_second: float, burst: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._clock = per_second, float(burst), clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, caller: str) -> None:
        """Count a request; Problem 429 if the caller's bucket is empty."""
        if self._rate <= 0:
            return
        now = self._clock()
        left, at = self._buckets.pop(caller, (self._burst, now))
        left = min(self._burst, left + (now - at) * self._rate)
        if left < 1:
            self._buckets[caller] = left, now
            wait = math.ceil((1 - left) / self._rate)
            raise Problem(429, "too many requests", headers={"Retry-After": str(max(1, wait))})
        self._buckets[caller] = left - 1, now
        if len(self._buckets) > MAX_CALLERS:
            self._buckets.popitem(last=False)


async def read_body(request: Request, limit: int) -> bytes:
    """Return the body of a request; Problem 413 as soon as it is over a limit.

    Args:
        request: the request.
        limit: bytes.
    """
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > limit:
        raise _too_large(limit)
    parts, size = [], 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > limit:
                raise _too_large(limit)
            parts.append(part)
    except ClientDisconnect:
        raise Problem(400, "the request ended before its body did") from None
    return b"".join(parts)


def _too_large(limit: int) -> Problem:
    return Problem(413, f"the body is over {limit:,} bytes", headers={"Connection": "close"})
