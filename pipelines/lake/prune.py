"""Delete superseded files, manifests that others contain, and hidden files that nobody will publish."""

import shutil
import time
from pathlib import Path
from typing import NamedTuple

from apache_beam.io.filesystems import FileSystems

from pipelines.lake.recovery import ABANDONED_SECONDS, recover_lake
from pipelines.lake.windows import read_windows
from transforms.sinks.files.publish import SUPERSEDED


class Pruned(NamedTuple):
    """What was deleted: superseded files, their bytes, abandoned hidden files, and merged manifests."""

    superseded: int
    bytes: int
    abandoned: int
    manifests: int


def prune_lake(root: str, run_id: str, older_than_days: float) -> Pruned:
    """Delete superseded files, abandoned hidden files and merged manifests.

    Args:
        root: the root of the lake; on a folder, whose lock the caller holds.
        run_id: the run that prunes.
        older_than_days: superseded files of at least this age in days; 0: all. They moved when they were superseded.
            Hidden files and merged manifests on an object store must be a day old as well, since their writers and
            readers may be alive.
    """
    is_local, limit = "://" not in root, time.time() - older_than_days * 24 * 3600
    oldest = limit if is_local else min(limit, time.time() - ABANDONED_SECONDS)
    hidden = recover_lake(root, run_id, older_than=None if is_local else oldest)
    merged = [file.path for window in read_windows(root) for file in window.merged if 0 < file.updated <= oldest]
    if merged:
        FileSystems.delete(merged)
    files = size = 0
    folder = Path(root) / SUPERSEDED
    if is_local and folder.is_dir():
        for path in folder.rglob("*"):
            # A rename sets the time of change of the file itself, and leaves that of its content.
            if path.is_file() and path.stat().st_ctime <= limit:
                files, size = files + 1, size + path.stat().st_size
                path.unlink()
        for run in folder.iterdir():
            if not any(path.is_file() for path in run.rglob("*")):
                shutil.rmtree(run)
    return Pruned(files, size, hidden, len(merged))
