"""Notes on a terminal, before the time is lost: what a run will take long for, or will not do as one may think.

A note stops nothing. What a run cannot do is a UserError, elsewhere.
"""

import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from transforms.sources.file_ranges import FileRange

MIB = 1 << 20
SMALL = 128 * MIB
"""Input below this is done before a note is read."""
INSERTED_BYTES_A_SECOND = 0.4 * MIB
"""What goes through insertAll a second: 470 to 850 rows a second, two rows an event."""
WRITTEN_SHARE = 1.5
"""What a run leaves, as a share of its input: archive, warehouse, feeds, and the temporary files of deduplication."""


_LIKE_INPUT = {".json", ".ndjson", ".gz", ".txt", ".csv", ".parquet", ".zst", ".bz2"}


def say(notes: Iterable[str]) -> None:
    """Print notes on stderr."""
    for note in notes:
        print(f"note: {note}", file=sys.stderr)


def of_bounded_run(ranges: list[FileRange], workers: int, method: str) -> Iterator[str]:
    """Yield what to know before files are read: how long it takes, and what would be quicker."""
    size = sum(part.end - part.start for part in ranges)
    if method == "STREAMING_INSERTS" and size > 8 * MIB:
        yield (
            f"--bigquery_method {method} takes about {_minutes(size / INSERTED_BYTES_A_SECOND)} for "
            f"{size / MIB:,.0f} MiB; STORAGE_WRITE is more than ten times as fast"
        )
    largest = max((part for part in ranges if part.path.endswith(".gz")), key=lambda part: part.end, default=None)
    if workers > 1 and largest is not None and largest.end > SMALL and largest.end * workers > size:
        yield f"--input {largest.path}: one worker reads a gzip file from end to end; unpacked, all of them share it"


def of_disk(needed: float, output: Path, free: int | None = None) -> Iterator[str]:
    """Yield a note where the disk has less than the bytes that a run will write, about."""
    if free is None:
        there = next(folder for folder in (output.absolute(), *output.absolute().parents) if folder.exists())
        free = shutil.disk_usage(there).free
    if free < needed:
        yield f"--output {output}: {free / MIB:,.0f} MiB are free there and about {needed / MIB:,.0f} MiB are needed"


def of_folders(inputs: Iterable[str], read: tuple[str, ...]) -> Iterator[str]:
    """Yield a note on each folder with files that no source reads; `read` are the endings that are read."""
    for folder in (Path(given) for given in inputs if Path(given).is_dir()):
        names = sorted(path.name for path in folder.iterdir() if path.is_file() and path.suffix in _LIKE_INPUT)
        if passed := [name for name in names if not name.endswith(read) and not name.startswith((".", "_", "truth"))]:
            yield f"--input {folder}: {passed[0]} is passed over ({len(passed)} in all); read are *{', *'.join(read)}"


def of_emulator(project: str | None) -> Iterator[str]:
    """Yield a note where a cloud project is named while the environment sends Pub/Sub calls to an emulator."""
    host = os.environ.get("PUBSUB_EMULATOR_HOST")
    if project is not None and host:
        yield f"--project {project}: PUBSUB_EMULATOR_HOST={host} is set, so messages come from the emulator and not from it"


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:,.0f} minutes" if seconds >= 90 else f"{seconds:,.0f} seconds"
