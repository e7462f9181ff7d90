"""Progress of a bounded run: a bar on a terminal, a plain line every few seconds elsewhere."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from transforms.progress import PROGRESS

PLAIN_SECONDS = 5.0


@contextmanager
def show_progress(total_bytes: int, workers: int = 1) -> Iterator[None]:
    """Show bytes read of all bytes and events a second while the block runs.

    Several workers are processes of their own, whose progress this one does not see: then only the time is shown.
    """
    PROGRESS.reset()
    done = threading.Event()
    follow = _follow_workers if workers > 1 else _follow_terminal if sys.stderr.isatty() else _follow_plain
    thread = threading.Thread(target=follow, args=(total_bytes, done), name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(timeout=2)


def _follow_terminal(total: int, done: threading.Event) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("reading", total=total)
        began = time.monotonic()
        while not done.wait(0.2):
            rate = PROGRESS.messages / max(time.monotonic() - began, 0.001)
            step = "reading" if PROGRESS.bytes < total else "writing"
            progress.update(task, completed=min(PROGRESS.bytes, total), description=f"{step} {rate:,.0f} events/s")


def _follow_plain(total: int, done: threading.Event) -> None:
    began = time.monotonic()
    while not done.wait(PLAIN_SECONDS):
        rate = PROGRESS.messages / (time.monotonic() - began)
        read = min(PROGRESS.bytes, total)
        if read == total:
            print(f"all {PROGRESS.messages:,} events read; writing to the stores", file=sys.stderr)
            return
        print(f"{read:,} of {total:,} bytes, {PROGRESS.messages:,} events, {rate:,.0f} events/s", file=sys.stderr)


def _follow_workers(total: int, done: threading.Event) -> None:
    began = time.monotonic()
    while not done.wait(2 * PLAIN_SECONDS):
        print(f"{time.monotonic() - began:,.0f} s: the workers are at {total:,} bytes", file=sys.stderr)
