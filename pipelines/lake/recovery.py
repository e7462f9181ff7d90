"""Finish or remove what killed processes left in a lake and beside it.

Called by every command that writes to a folder, while it holds the folder's lock: nobody else writes, so that whatever is
unfinished belongs to a process that is gone. On an object store nobody knows that; there only files older than
`ABANDONED_SECONDS` are removed, by `event-pipelines lake prune`.
"""

import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from apache_beam.io.filesystems import FileSystems

from pipelines.bigquery_emulator.client import connect
from pipelines.lake.iceberg import commit_lake
from pipelines.lake.listing import StoredFile, stored_files
from pipelines.stores.output_folder import LAKE, settle
from schemas.timestamps import to_datetime
from transforms.clock import wall_us
from transforms.sinks.files.manifests import newest
from transforms.sinks.files.publish import SUPERSEDED, finish_window

ABANDONED_SECONDS = 24 * 3600
"""Age from which a hidden file on an object store belongs to nobody: a file is hidden for minutes."""
STAGING = ".replay"
WAREHOUSE_LEFTOVERS = ("warehouse.duckdb.fresh", "warehouse.duckdb.fresh.wal", "warehouse.duckdb.tmp", ".work")


def recover_folder(directory: Path | None, run_id: str | None = None) -> int:
    """Recover an output folder; return how many files were removed or restored. Nothing for stores in the cloud.

    Args:
        directory: the output folder, whose lock the caller holds.
        run_id: the run that recovers: it names the folder that takes superseded files (default: `recovery-` and the time).
    """
    if directory is None or not directory.is_dir():
        return 0
    run_id = run_id or f"recovery-{to_datetime(wall_us()):%Y%m%dT%H%M%SZ}"
    removed = 0
    settle(directory)
    for name in () if connect(directory) else WAREHOUSE_LEFTOVERS:  # a query may be served, and spill to disk
        path = directory / name
        if path.is_dir():
            removed += sum(1 for file in path.rglob("*") if file.is_file())
            shutil.rmtree(path)
        elif path.exists():
            removed += 1
            path.unlink()
    removed += recover_lake(str(directory / LAKE), run_id)
    commit_lake(str(directory / LAKE), run_id)
    return removed


@contextmanager
def recovered(directory: Path | None) -> Iterator[None]:
    """Recover an output folder before the block; for a `with` statement that takes the lock first."""
    recover_folder(directory)
    yield


def recover_lake(root: str, run_id: str, *, older_than: float | None = None) -> int:
    """Finish interrupted publications and delete hidden files that nobody will publish; return how many files left.

    Args:
        root: the root of the lake.
        run_id: the run that recovers.
        older_than: only hidden files that were last changed before this time, seconds since 1970; None: all.
    """
    manifests = Counter((file.root, file.feed, file.partition) for file in _files(root) if file.is_manifest)
    left = 0
    for (within, feed, partition), count in manifests.items():
        try:
            if count > 1 or not newest(within, feed, partition):  # a single published manifest supersedes nothing
                left += len(finish_window(within, feed, partition, run_id))
        except (ValueError, KeyError, TypeError, AttributeError):
            continue  # a damaged manifest: replay and `lake verify` name it, and nothing is moved or deleted by it
    abandoned = [
        file.path
        for file in _files(root)
        if file.name.startswith(".") and file.name.endswith(".tmp") and _is_old(file, older_than)
    ]
    if abandoned:
        FileSystems.delete(abandoned)
    return left + len(abandoned)


def _files(root: str) -> list[StoredFile]:
    """Return the files of the live lake and its shadows; superseded files and stagings have no publications."""
    return [
        file
        for file in stored_files(root)
        if file.partition and not file.shown.startswith((f"{SUPERSEDED}/", f"{STAGING}/"))
    ]


def _is_old(file: StoredFile, older_than: float | None) -> bool:
    return older_than is None or 0 < file.updated < older_than
