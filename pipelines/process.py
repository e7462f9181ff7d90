"""Set up this process: memory, the cycle collector, standard streams, environment.

Memory. glibc gives every thread an arena of its own, and no other thread uses what one has freed; a batch run has some
twenty threads (Beam's workers, gRPC, DuckDB). It also returns every large block to the kernel at once, and Arrow's own
allocator does so after milliseconds: requests of 9 MB then cost more for their pages than for all else. So Python and
Arrow share one arena that keeps what was freed: 5.4 to 3.6 µs per appended event, at a lower peak. On other C libraries
nothing is done. OpenBLAS is not used: its threads would only spin at the start.

A process that lives for weeks does the opposite. Large blocks in the arena leave holes between what stays, and the arena
grows for half an hour until the holes are large enough. There, large blocks come from the kernel and go back to it.

The cycle collector walks the half a million objects that the imports left again and again: a tenth of a run's CPU. They
are frozen once, and the collector looks less often at new objects, which hold hardly a cycle.
"""

import ctypes
import gc
import io
import os
import sys
import threading
import time
from contextlib import suppress
from functools import cache
from typing import Any

_ARENA_MAX, _MMAP_THRESHOLD, _TRIM_THRESHOLD = -8, -3, -1  # malloc.h
_KEEP = {_ARENA_MAX: 1, _MMAP_THRESHOLD: 128 << 20, _TRIM_THRESHOLD: 256 << 20}
_HAND_BACK = {_MMAP_THRESHOLD: 128 << 10, _TRIM_THRESHOLD: 1 << 20}
_ENVIRONMENT = {"ARROW_DEFAULT_MEMORY_POOL": "system", "OPENBLAS_NUM_THREADS": "1"}
EXIT_SECONDS = 2.0
SWITCH_SECONDS = 0.0005
"""How long a thread may keep the interpreter, seconds: a call of the runner passes through four threads of this process,
and waits for each."""
NEW_OBJECTS = 20_000
"""How many new objects make the collector look; Python's default is 700."""
STANDARD_OUTPUT = "standard output"
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def keep_memory() -> None:
    """Keep freed memory in one arena; call this before Arrow and numpy are imported. Settings of the user are kept."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    _tell_malloc(_KEEP)


def hand_back_memory() -> None:
    """Return large blocks to the kernel when they are freed, from now on: for a process that lives long."""
    _tell_malloc(_HAND_BACK)


def share_interpreter() -> None:
    """Switch between threads ten times as often as Python does by itself: for a process that is also a Beam worker."""
    sys.setswitchinterval(SWITCH_SECONDS)


def _tell_malloc(options: dict[int, int]) -> None:
    with suppress(OSError, AttributeError):  # not glibc
        for option, size in options.items():
            ctypes.CDLL(None).mallopt(option, size)


def release_memory() -> None:
    """Return what is kept to the kernel, once: before another allocator needs much."""
    with suppress(OSError, AttributeError):  # not glibc
        ctypes.CDLL(None).malloc_trim(0)


def exit_despite_threads(code: int) -> None:
    """Let this process end when its main thread ends, even if a worker thread is in the middle of a retry."""

    def wait() -> None:
        threading.main_thread().join()
        time.sleep(EXIT_SECONDS)  # for what ends by itself
        os._exit(code)

    threading.Thread(target=wait, name="exit", daemon=True).start()


@cache
def calm_collector() -> None:
    """Freeze the objects that exist, once per process: a second call could freeze garbage."""
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, 20, 20)


def set_up_environment() -> None:
    """Keep connections to this machine away from a proxy; call this before gRPC is imported. Other hosts keep theirs.

    Child processes inherit it: Prism, the emulators, workers.
    """
    if not any(name.lower().endswith("_proxy") for name in os.environ):
        return
    for names in (("no_proxy", "NO_PROXY"), ("no_grpc_proxy",)):  # gRPC reads the last one instead, if it is there
        listed = [host.strip() for name in names for host in os.environ.get(name, "").split(",") if host.strip()]
        if "*" not in listed and (listed or "no_proxy" in names):
            value = ",".join(dict.fromkeys([*listed, *LOOPBACK]))
            os.environ.update(dict.fromkeys(names, value))


class _Output(io.FileIO):
    """Standard output, whose errors carry its name: without it an error does not say that this disk is full."""

    def write(self, data: Any, /) -> int:
        """Write bytes."""
        try:
            return super().write(data)
        except OSError as error:
            raise type(error)(error.errno, error.strerror, STANDARD_OUTPUT) from None


def _named_output(stream: io.TextIOWrapper) -> io.TextIOWrapper:
    raw = _Output(stream.fileno(), "wb", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        stream.encoding,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def set_up_streams() -> None:
    """Open the standard streams that are closed, and print characters that their encoding lacks as escapes."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:  # a file that is opened next would get this number, and what is printed
            os.open(os.devnull, os.O_RDWR)
    if sys.stdout is not None and sys.stdout is sys.__stdout__ and isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout = _named_output(sys.stdout)
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
