"""Signals of a streaming run: the first drains it, a second SIGINT interrupts it."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

DRAIN_SIGNALS = tuple(signal.Signals[name] for name in ("SIGTERM", "SIGINT", "SIGHUP") if hasattr(signal, name))


@contextmanager
def drain_on_signals(stop_file: Path) -> Iterator[None]:
    """Create a file, which ends the source, on SIGTERM, SIGINT and SIGHUP while the block runs."""

    def drain(number: int, _frame: Any) -> None:
        if stop_file.exists():
            if number == signal.SIGINT:
                raise KeyboardInterrupt
            return
        stop_file.touch()
        with suppress(OSError, ValueError):  # after SIGHUP the terminal is gone
            print("draining: no more messages are pulled, open windows fire", file=sys.stderr, flush=True)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, drain) for number in DRAIN_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
