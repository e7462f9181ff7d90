"""How long the sink retries a table that fails: exponential backoff with full jitter, within a budget.

Full jitter (a uniform draw from zero to the exponential bound) keeps many workers from coming back at one
moment. Two clocks bound the wait: a request's own, since its first failure, ends a request that fails for
ever among others that pass; the table's, since its last success, ends the wait of every later request at once
when the table is down, so that an outage costs one budget and not one a request.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

INITIAL_SECONDS = 0.1
MAXIMUM_SECONDS = 30.0
_FORGET_SECONDS = 60.0  # after a quiet time nobody knows whether the table is still down
_LARGEST_POWER = 30  # 2.0 ** 1024 overflows


def jittered_delay(failures: int, draw: float) -> float:
    """Return the seconds to wait after so many failures in a row; `draw` is uniform in [0, 1)."""
    return draw * min(MAXIMUM_SECONDS, INITIAL_SECONDS * 2.0 ** min(failures - 1, _LARGEST_POWER))


@dataclass
class RetryState:
    """Failures of one request so far; `first_failure` is in seconds of the clock."""

    failures: int = 0
    first_failure: float | None = None


class RetryBudget:
    """The retries of one table.

    Args:
        budget_seconds: how long failed requests are retried, seconds.
        clock: monotonic clock, seconds.
        sleep: waits for so many seconds.
        draw: uniform random number from 0 to below 1.
    """

    def __init__(
        self,
        budget_seconds: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        draw: Callable[[], float] = random.random,
    ) -> None:
        if not budget_seconds >= 0:
            raise ValueError(f"budget_seconds must not be negative, got {budget_seconds!r}")
        self._budget = budget_seconds
        self._clock, self._sleep, self._draw = clock, sleep, draw
        self._down_since: float | None = None
        self._last_failure = 0.0
        self._waits = 0

    def succeeded(self) -> None:
        """Note that the table answered: an outage, if there was one, is over."""
        self._down_since = None

    def wait(self, retries: RetryState) -> bool:
        """Sleep before the next retry of a failed request; return False if the retry budget is used up."""
        now = self._clock()
        retries.failures += 1
        if retries.first_failure is None:
            retries.first_failure = now
        if self._down_since is None or now - self._last_failure > max(self._budget, _FORGET_SECONDS):
            self._down_since = now
        self._last_failure = now
        left = self._budget - (now - min(retries.first_failure, self._down_since))
        if left <= 0:
            return False
        self._waits += 1
        self._sleep(min(left, jittered_delay(retries.failures, self._draw())))
        return True

    def take_waits(self) -> int:
        """Return the number of waits since the last call."""
        waits, self._waits = self._waits, 0
        return waits
