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
from pipelines.simulator import config as defaults
from pipelines.simulator.config import SimulationConfig
from pipelines.simulator.writer import TRUTH, check_folder, write_files

HELP = "Generate test messages of all topics and the expected results."
_PLAIN_EVERY_S = 5.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `simulate`."""
    parser.add_argument("--output", required=True, metavar="DIR", help="folder for <topic>.jsonl and truth.json")
    parser.add_argument(
        "--events", type=int, default=defaults.DEFAULT_EVENTS, metavar="N",
        help="number of messages, including duplicates and invalid ones (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--seed", type=int, default=defaults.DEFAULT_SEED, metavar="S",
        help="random seed; the same seed gives the same bytes (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--rate", type=float, metavar="R",
        help="average events per second of event time; stuck orders need a run of at least 8 hours "
        f"(default: {defaults.DEFAULT_RATE}, lower for a run that would be shorter than a day)",
    )  # fmt: skip
    for name, what in (
        ("dirty", "that must become dead letters, each error code in turn"),
        ("duplicates", "that are duplicates, within 20 minutes"),
        ("late", "that are published 3 minutes to 3 days after their event time"),
    ):
        parser.add_argument(
            f"--{name}", type=float, default=defaults.DEFAULT_SHARE, metavar="SHARE",
            help=f"share of the messages, 0 to 1, {what} (default: %(default)s)",
        )  # fmt: skip
    parser.add_argument(
        "--start", default=defaults.DEFAULT_START, metavar="TIME",
        help="first event time, RFC 3339 (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--event_bytes", type=int, default=defaults.DEFAULT_EVENT_BYTES, metavar="BYTES",
        help="target average size of an event in bytes, reached by the number of items per order (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--format", choices=defaults.FORMATS, default="messages",
        help="messages: one Pub/Sub message per line; events: one plain event per line, without message id and "
        "publish time (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--overwrite", action="store_true", help="replace the contents of a folder that is not empty")


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
