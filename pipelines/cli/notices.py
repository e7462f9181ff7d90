"""Notes printed before a run starts: slow options, little disk space, skipped files.

A note never stops a run: an error that does is a UserError.
"""

import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from pipelines.terminal_text import escape
from transforms.sources.file_ranges import FileRange

MIB = 1 << 20
SMALL = 128 * MIB
"""No notes for input below this size, in bytes: the run takes seconds."""
INSERTED_BYTES_PER_SECOND = 0.4 * MIB
"""Throughput of insertAll: 470 to 850 rows per second, two rows per event."""
WRITTEN_SHARE = 1.5
"""Size of a run's result relative to its input: archive, warehouse, feeds, temporary files of deduplication."""


_LIKE_INPUT = {".json", ".ndjson", ".gz", ".txt", ".csv", ".parquet", ".zst", ".bz2"}


def print_notes(notes: Iterable[str]) -> None:
    """Print notes on stderr."""
    for note in notes:
        print(escape(f"note: {note}"), file=sys.stderr)


def batch_run_notes(ranges: list[FileRange], workers: int, method: str) -> Iterator[str]:
    """Yield notes on how long a batch run takes and on faster options."""
    size = sum(part.end - part.start for part in ranges)
    if method == "STREAMING_INSERTS" and size > 8 * MIB:
        yield (
            f"--bigquery_method {method} takes about {_minutes(size / INSERTED_BYTES_PER_SECOND)} for "
            f"{size / MIB:,.0f} MiB; STORAGE_WRITE is more than ten times as fast"
        )
    largest = max((part for part in ranges if part.path.endswith(".gz")), key=lambda part: part.end, default=None)
    if workers > 1 and largest is not None and largest.end > SMALL and largest.end * workers > size:
        yield f"--input {largest.path}: a gzip file is read by a single worker; all workers share the file if you decompress it"


def disk_notes(needed: float, output: Path, free: int | None = None) -> Iterator[str]:
    """Yield a note if the disk has less free space than a run will write, in bytes."""
    if free is None:
        existing = next(folder for folder in (output.absolute(), *output.absolute().parents) if folder.exists())
        free = shutil.disk_usage(existing).free
    if free < needed:
        yield f"--output {output}: {free / MIB:,.0f} MiB are free, about {needed / MIB:,.0f} MiB are needed"


def folder_notes(inputs: Iterable[str], read: tuple[str, ...]) -> Iterator[str]:
    """Yield a note per folder with files that are not read; `read` are the suffixes of the files that are."""
    for folder in (Path(given) for given in inputs if Path(given).is_dir()):
        names = sorted(path.name for path in folder.iterdir() if path.is_file() and path.suffix in _LIKE_INPUT)
        if passed := [name for name in names if not name.endswith(read) and not name.startswith((".", "_", "truth"))]:
            yield f"--input {folder}: {passed[0]} is skipped ({len(passed)} files in total); only *{', *'.join(read)} are read"


def emulator_notes(project: str | None) -> Iterator[str]:
    """Yield a note if a cloud project is given while PUBSUB_EMULATOR_HOST is set."""
    host = os.environ.get("PUBSUB_EMULATOR_HOST")
    if project is not None and host:
        yield f"--project {project}: PUBSUB_EMULATOR_HOST={host} is set, so messages come from the emulator, not from the project"


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:,.0f} minutes" if seconds >= 90 else f"{seconds:,.0f} seconds"
