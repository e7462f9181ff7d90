"""How this process asks for memory and looks for cycles.

glibc gives every thread an arena of its own, and what one frees no other uses; a local run has some twenty threads
(Beam's workers, gRPC, DuckDB). It also hands every large block back to the kernel at once, and Arrow's own allocator does
so after milliseconds: requests of 9 MB then cost more for their pages than for all else. So there is one arena for
Python and Arrow, which keeps what it has: 5.4 to 3.6 µs an event for appending, at a lower peak. Elsewhere than on glibc
nothing is done. OpenBLAS is not used: its threads would only spin at the start.

Python's cycle collector walks what the imports left, half a million objects that stay, again and again: a tenth of a
run's CPU. They are set apart once, and the collector looks less often at what is new, which holds hardly a cycle.
"""

import ctypes
import gc
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache

_ARENA_MAX, _MMAP_THRESHOLD, _TRIM_THRESHOLD = -8, -3, -1  # malloc.h
_OPTIONS = ((_ARENA_MAX, 1), (_MMAP_THRESHOLD, 128 << 20), (_TRIM_THRESHOLD, 256 << 20))
_ENVIRONMENT = {"ARROW_DEFAULT_MEMORY_POOL": "system", "OPENBLAS_NUM_THREADS": "1"}
RELEASE_SECONDS = 20.0
NEW_OBJECTS = 20_000
"""How many objects more than before make the collector look; Python's own figure is 700."""


def keep_memory() -> None:
    """Keep freed memory in one arena; to be called before Arrow and numpy are imported. A user's settings stand."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    with suppress(OSError, AttributeError):  # not glibc
        for option, size in _OPTIONS:
            ctypes.CDLL(None).mallopt(option, size)


def release_memory() -> None:
    """Hand what is kept back to the kernel: before another allocator needs much."""
    with suppress(OSError, AttributeError):  # not glibc
        ctypes.CDLL(None).malloc_trim(0)


@contextmanager
def memory_released(seconds: float = RELEASE_SECONDS) -> Iterator[None]:
    """Hand back again and again what is kept, for a process that lives for weeks: the most that it ever needed at one
    moment, a burst after a pause, is not what it holds from then on.
    """
    ended = threading.Event()

    def release() -> None:
        while not ended.wait(seconds):
            release_memory()

    thread = threading.Thread(target=release, name="release-memory", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@cache
def calm_collector() -> None:
    """Set apart what is there, once a process: what a second call would freeze may be garbage."""
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, 20, 20)
