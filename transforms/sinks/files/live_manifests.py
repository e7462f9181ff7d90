"""Manifests of a live run: a window's manifest grows file by file, a generation each, while the window is open."""

import json
import threading
from collections.abc import Iterable

from apache_beam.io.filesystems import FileSystems

from transforms.sinks.files.files import LakeFile, write_whole
from transforms.sinks.files.manifests import make_manifest, manifest_name, newest

_ONE_AT_A_TIME = threading.Lock()
"""Within a process; between processes a window's files come from one key, and so from one worker at a time."""


def add_to_manifests(root: str, files: Iterable[LakeFile], run_id: str, supersedes: str | None = None) -> None:
    """Write the next generation of each file's window with the files added.

    `supersedes`: the beginning of the names of files that these replace, such as an earlier firing of their window.
    """
    windows: dict[tuple[str, str], list[LakeFile]] = {}
    for file in files:
        windows.setdefault((file.feed, file.partition), []).append(file)
    with _ONE_AT_A_TIME:
        for (feed, partition), mine in windows.items():
            before = newest(root, feed, partition)
            if before is not None and supersedes is not None:
                before = {**before, "files": [one for one in before["files"] if not one["name"].startswith(supersedes)]}
            manifest = make_manifest(before, mine, run_id, replace=False)
            name = manifest_name(manifest["generation"], run_id)
            write_whole(FileSystems.join(root, feed, partition), name, json.dumps(manifest).encode())
