"""How this process asks for memory and looks for cycles.

glibc gives every thread an arena of its own, and what one frees no other uses; a local run has some twenty threads
(Beam's workers, gRPC, DuckDB). It also hands every large block back to the kernel at once, and Arrow's own allocator does
so after milliseconds: requests of 9 MB then cost more for their pages than for all else. So there is one arena for
Python and Arrow, which keeps what it has: 5.4 to 3.6 µs an event for appending, at a lower peak. Elsewhere than on glibc
nothing is done. OpenBLAS is not used: its threads would only spin at the start.

A process that lives for weeks does the opposite. Large blocks in the arena leave holes between what stays, and the arena
grows for half an hour until the holes are large enough. There they come from the kernel, and go back to it.

Python's cycle collector walks what the imports left, half a million objects that stay, again and again: a tenth of a
run's CPU. They are set apart once, and the collector looks less often at what is new, which holds hardly a cycle.
"""

import ctypes
import gc
import os
import sys
from contextlib import suppress
from functools import cache

_ARENA_MAX, _MMAP_THRESHOLD, _TRIM_THRESHOLD = -8, -3, -1  # malloc.h
_KEEP = {_ARENA_MAX: 1, _MMAP_THRESHOLD: 128 << 20, _TRIM_THRESHOLD: 256 << 20}
_HAND_BACK = {_MMAP_THRESHOLD: 128 << 10, _TRIM_THRESHOLD: 1 << 20}
_ENVIRONMENT = {"ARROW_DEFAULT_MEMORY_POOL": "system", "OPENBLAS_NUM_THREADS": "1"}
SWITCH_SECONDS = 0.0005
"""How long a thread may keep the interpreter, seconds: a call of the runner passes through four threads of this process,
and waits for each."""
NEW_OBJECTS = 20_000
"""How many objects more than before make the collector look; Python's own figure is 700."""


def keep_memory() -> None:
    """Keep freed memory in one arena; to be called before Arrow and numpy are imported. A user's settings stand."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    _tell_malloc(_KEEP)


def hand_back_memory() -> None:
    """Take large blocks from the kernel from now on, and hand them back when they are freed: for a process that stays."""
    _tell_malloc(_HAND_BACK)


def share_interpreter() -> None:
    """Switch between threads ten times as often as Python does by itself: for a process that is also a Beam worker."""
    sys.setswitchinterval(SWITCH_SECONDS)


def _tell_malloc(options: dict[int, int]) -> None:
    with suppress(OSError, AttributeError):  # not glibc
        for option, size in options.items():
            ctypes.CDLL(None).mallopt(option, size)


def release_memory() -> None:
    """Hand what is kept back to the kernel, once: before another allocator needs much."""
    with suppress(OSError, AttributeError):  # not glibc
        ctypes.CDLL(None).malloc_trim(0)


@cache
def calm_collector() -> None:
    """Set apart what is there, once a process: what a second call would freeze may be garbage."""
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, 20, 20)
