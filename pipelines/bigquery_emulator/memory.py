"""How the emulator's process hands memory back to the kernel: on glibc; elsewhere nothing is done.

An emulator lives for weeks and gets requests of 10 MB. Large blocks in glibc's arena leave holes between what stays, and
the arena grows for half an hour until the holes are large enough. So large blocks come from the kernel and go back to it.
"""

import ctypes
from contextlib import suppress

DUCKDB_MIB = 256
"""What DuckDB may hold, blocks of the file that it keeps for later included: it grows until here, and then stays. While a
query runs it may always hold this much: a view over millions of events needs more than appends ever do."""
_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1  # malloc.h
_OPTIONS = {_MMAP_THRESHOLD: 128 << 10, _TRIM_THRESHOLD: 1 << 20}


def hand_back_memory() -> None:
    """Take large blocks from the kernel from now on, and hand them back when they are freed."""
    with suppress(OSError, AttributeError):  # not glibc
        for option, size in _OPTIONS.items():
            ctypes.CDLL(None).mallopt(option, size)


def release_memory() -> None:
    """Hand what is kept back to the kernel, once: before another allocator needs much."""
    with suppress(OSError, AttributeError):  # not glibc
        ctypes.CDLL(None).malloc_trim(0)
