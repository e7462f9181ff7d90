"""How this process asks for memory and looks for cycles, for commands that move much data.

glibc gives every thread an arena of its own, and what one frees no other uses. A local run has some twenty threads
(Beam's workers, gRPC, DuckDB); with two arenas its peak is a third lower (measured at 400,000 messages: 1,072 to 777
MiB). Elsewhere than on glibc nothing is done.

Python's cycle collector walks what the imports left, half a million objects that stay, again and again: a tenth of a
run's CPU. They are set apart once, and the collector looks less often at what is new, which holds hardly a cycle.
"""

import ctypes
import gc
from functools import cache

M_ARENA_MAX = -8
ARENAS = 2
NEW_OBJECTS = 20_000
"""How many objects more than before make the collector look; Python's own figure is 700."""


def settle_memory() -> None:
    """Share arenas, and calm the collector."""
    share_arenas()
    calm_collector()


def share_arenas() -> bool:
    """Let threads share two arenas; tell whether the C library took it."""
    try:
        return bool(ctypes.CDLL(None).mallopt(M_ARENA_MAX, ARENAS))
    except (OSError, AttributeError):
        return False


@cache
def calm_collector() -> None:
    """Set apart what is there, once a process: what a second call would freeze may be garbage."""
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, 20, 20)
