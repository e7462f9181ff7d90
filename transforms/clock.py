"""The machine's clock as an argument: steps that need to know "now" are given it, so that a test can set it."""

import time
from collections.abc import Callable

Clock = Callable[[], int]
"""Returns UTC microseconds since 1970."""


def wall_us() -> int:
    """Return the machine's clock in UTC microseconds."""
    return time.time_ns() // 1000
