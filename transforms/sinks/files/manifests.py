"""Manifests: which files a window has. Readers take the files that a window's newest generation names.

A run that adds to a window publishes the next generation with the files of the one before and its own; a run that
rebuilds a window names its own files only, and the others leave the folder (transforms/sinks/files/publish.py).
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from transforms.sinks.files.files import LakeFile, names_in

is_manifest = re.compile(r"_manifest-[0-9]{6}-.*\.json$").match
"""Six digits: the names of generations sort by number."""


def manifest_name(generation: int, run_id: str) -> str:
    """Return the name of a manifest's file; the underscore keeps it out of readers that list data files."""
    return f"_manifest-{generation:06d}-{run_id}.json"


def newest(root: str, feed: str, partition: str) -> dict[str, Any] | None:
    """Return the newest manifest of a window, or None."""
    folder = FileSystems.join(root, feed, partition)
    names = [name for name in names_in(folder, "_manifest-") if is_manifest(name)]
    if not names:
        return None
    return read_manifest(folder, max(names))


def read_manifest(folder: str, name: str) -> dict[str, Any]:
    """Return one manifest of a window's folder."""
    path = FileSystems.join(folder, name)
    with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as file:
        manifest: dict[str, Any] = json.loads(file.read())
    return manifest


def make_manifest(
    before: dict[str, Any] | None, files: Iterable[LakeFile], run_id: str, *, replace: bool
) -> dict[str, Any]:
    """Return the next generation of a window's manifest."""
    mine = sorted(files)
    kept = [] if replace or before is None else before["files"]
    entries = [*kept, *({"name": f.name, "rows": f.rows, "bytes": f.bytes, "sha256": f.sha256} for f in mine)]
    return {
        "feed": mine[0].feed,
        "partition": mine[0].partition,
        "generation": 1 if before is None else before["generation"] + 1,
        "run_id": run_id,
        "rows": sum(entry["rows"] for entry in entries),
        "files": entries,
    }


def newest_files(root: str, feed: str, partitions: Iterable[str]) -> Iterator[str]:
    """Yield the paths of the files that the newest manifests of the given windows of a feed name."""
    for partition in partitions:
        manifest = newest(root, feed, partition)
        for entry in manifest["files"] if manifest else ():
            yield FileSystems.join(root, feed, partition, entry["name"])
