"""Delete superseded files, and hidden files that nobody will publish."""

import shutil
import time
from pathlib import Path
from typing import NamedTuple

from pipelines.lake.recovery import ABANDONED_SECONDS, recover_lake
from transforms.sinks.files.publish import SUPERSEDED


class Pruned(NamedTuple):
    """What was deleted: superseded files, their bytes, and abandoned hidden files."""

    superseded: int
    bytes: int
    abandoned: int


def prune_lake(root: str, run_id: str, older_than_days: float) -> Pruned:
    """Delete superseded files and abandoned hidden files.

    Args:
        root: the root of the lake; on a folder, whose lock the caller holds.
        run_id: the run that prunes.
        older_than_days: superseded files of at least this age in days; 0: all. They moved when they were superseded.
            Hidden files on an object store must be a day old as well, since their writers may be alive.
    """
    is_local, limit = "://" not in root, time.time() - older_than_days * 24 * 3600
    hidden = recover_lake(root, run_id, older_than=None if is_local else min(limit, time.time() - ABANDONED_SECONDS))
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
    return Pruned(files, size, hidden)
