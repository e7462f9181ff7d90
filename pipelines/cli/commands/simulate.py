"""The command `simulate`: generate test messages and the expected results."""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from pipelines.cli import notices
from pipelines.simulator.config import SimulationConfig
from pipelines.simulator.writer import TRUTH, check_folder, write_files

_PLAIN_EVERY_S = 5.0


def run(args: argparse.Namespace) -> int:
    """Write the files; return 0."""
    config = SimulationConfig(
        events=args.events,
        seed=args.seed,
        rate=args.rate,
        dirty=args.dirty,
        duplicates=args.duplicates,
        late=args.late,
        start=args.start,
        event_bytes=args.event_bytes,
        format=args.format,
    )
    folder = Path(args.output)
    check_folder(folder, args.overwrite)
    notices.print_notes(notices.disk_notes(config.events * config.event_bytes * 1.8, folder))
    began = time.monotonic()
    try:
        with _progress(config.events) as progress:
            truth = write_files(config, folder, progress)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("No file was written.") from None
    print(
        f"generated {truth['messages']:,} messages in {time.monotonic() - began:.1f} s: {truth['valid']:,} valid, "
        f"{truth['duplicates']:,} duplicates, {truth['dead_letters']:,} dead letters; "
        f"expected results: {folder / TRUTH}"
    )
    return 0


@contextmanager
def _progress(total: int) -> Iterator[Callable[[int], None]]:
    """Yield a function that shows how many messages are written: a bar on a terminal, lines elsewhere."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _plain_progress(total)
        return
    columns = (TextColumn("simulate"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("simulate", total=total)
        yield lambda done: bar.update(task, completed=done)


def _plain_progress(total: int) -> Callable[[int], None]:
    shown = time.monotonic()

    def show(done: int) -> None:
        nonlocal shown
        if time.monotonic() - shown >= _PLAIN_EVERY_S and done < total:
            shown = time.monotonic()
            print(f"simulate: {done:,} of {total:,} messages", file=sys.stderr, flush=True)

    return show
