"""Progress of a batch run: a bar on a terminal, otherwise a line every few seconds."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from transforms.sources.read_progress import PROGRESS

PLAIN_SECONDS = 5.0


@contextmanager
def show_progress(total_bytes: int, total_messages: int = 0, workers: int = 1) -> Iterator[None]:
    """Show progress and events per second while the block runs, by bytes, or by messages if there are no files.

    Several workers are separate processes, whose progress is not visible here: then only the elapsed time is shown.
    """
    PROGRESS.reset()
    done = threading.Event()
    follow = _follow_workers if workers > 1 else _follow_terminal if sys.stderr.isatty() else _follow_log
    words = (total_bytes, "bytes") if total_bytes else (total_messages, "messages")
    thread = threading.Thread(target=follow, args=(*words, done), name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(timeout=2)


def _read(total: int, unit: str) -> int:
    return min(PROGRESS.bytes if unit == "bytes" else PROGRESS.messages, total)


def _follow_terminal(total: int, unit: str, done: threading.Event) -> None:
    amount = DownloadColumn() if unit == "bytes" else TextColumn("{task.completed:,.0f}/{task.total:,.0f}")
    columns = (TextColumn("{task.description}"), BarColumn(), amount, TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("reading", total=total)
        began = time.monotonic()
        while not done.wait(0.2):
            rate = PROGRESS.messages / max(time.monotonic() - began, 0.001)
            read = _read(total, unit)
            step = "reading" if read < total else "writing"
            progress.update(task, completed=read, description=f"{step} {rate:,.0f} events/s")


def _follow_log(total: int, unit: str, done: threading.Event) -> None:
    began = time.monotonic()
    while not done.wait(PLAIN_SECONDS):
        rate = PROGRESS.messages / (time.monotonic() - began)
        read = _read(total, unit)
        if read == total:
            print(f"all {PROGRESS.messages:,} events read; writing to the stores", file=sys.stderr)
            return
        events = f"{PROGRESS.messages:,} events, " if unit == "bytes" else ""
        print(f"{read:,} of {total:,} {unit}, {events}{rate:,.0f} events/s", file=sys.stderr)


def _follow_workers(total: int, unit: str, done: threading.Event) -> None:
    began = time.monotonic()
    while not done.wait(2 * PLAIN_SECONDS):
        print(f"{time.monotonic() - began:,.0f} s: the workers are reading {total:,} {unit}", file=sys.stderr)
