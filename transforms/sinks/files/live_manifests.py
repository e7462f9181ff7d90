"""Manifests of a streaming run: a window's manifest grows file by file, one generation each, while the window is open."""

import threading
from collections.abc import Iterable
from functools import partial

from transforms.sinks.files.files import LakeFile
from transforms.sinks.files.manifests import make_manifest
from transforms.sinks.files.publish import Manifest, publish

_ONE_AT_A_TIME = threading.Lock()
"""Within a process; between processes a window's files come from one key, and so from one worker at a time."""


def add_to_manifests(root: str, files: Iterable[LakeFile], run_id: str, supersedes: str | None = None) -> None:
    """Publish the next generation of each file's window with the files added.

    Args:
        root: the root of the lake.
        files: staged or final files.
        run_id: the run that publishes.
        supersedes: the beginning of the names of files that these replace, such as an earlier firing of their window.
    """
    windows: dict[tuple[str, str], list[LakeFile]] = {}
    for file in files:
        windows.setdefault((file.feed, file.partition), []).append(file)
    with _ONE_AT_A_TIME:
        for (feed, partition), mine in windows.items():
            publish(root, feed, partition, run_id, partial(_added, mine, run_id, supersedes))


def _added(mine: list[LakeFile], run_id: str, supersedes: str | None, before: Manifest | None) -> Manifest:
    if before is not None:
        ours = {file.name for file in mine}
        files = [entry for entry in before["files"] if entry["name"] not in ours]  # a retried bundle adds nothing twice
        if supersedes is not None:
            files = [entry for entry in files if not entry["name"].startswith(supersedes)]
        before = {**before, "files": files}
    return make_manifest(before, mine, run_id, replace=False)
