"""A pause of Python's cycle collector around one batch: what a batch makes holds no cycles and dies with the batch,
but thousands of short-lived containers make the collector walk the whole heap again and again. Measured: 39 to 22 µs
an event for decode and columns together."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """Pause the collector; an outer pause stays in force."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
