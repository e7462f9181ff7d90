"""Manifests: which files a window has. A window's state is the sum of its manifests, of which none is ever changed.

A manifest has the files that it adds (`files`), the names of files that it takes away (`removes`), and the names of the
manifests that it contains (`merges`), which readers skip. A batch run writes one that merges all that were there; a stream
writes one per flush that merges none and so reads none. The state is what the manifests that are not merged add, less what
any of them removes: the order in which two writers publish does not matter, and neither loses the other's files.

Manifests of versions up to 0.2 have no `merges`: each stands for all that were before it.
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


def generation_of(name: str) -> int:
    """Return the number in the name of a manifest; 0 of none."""
    return int(name.split("-")[1]) if name else 0


def newest(root: str, feed: str, partition: str) -> dict[str, Any] | None:
    """Return the state of a window as one manifest, or None if it has no manifest."""
    folder = FileSystems.join(root, feed, partition)
    return read_state(folder, names_in(folder, "_manifest-"))


def read_state(folder: str, names: Iterable[str]) -> dict[str, Any] | None:
    """Return the state of a window from the names in its folder: a manifest that names all its files.

    Its `generation` and `run_id` are those of the newest manifest; `run_ids` and `manifests` are the runs and names of the
    manifests that are not merged. Merged ones are not read.
    """
    live: dict[str, dict[str, Any]] = {}
    merged: set[str] = set()
    waiting = sorted(name for name in names if is_manifest(name))
    while waiting:
        name = waiting.pop()
        if name in merged:
            continue
        manifest = live[name] = read_manifest(folder, name)
        if "merges" not in manifest:
            merged.update(waiting)
        else:
            merged.update(manifest["merges"])
    return state_of({name: manifest for name, manifest in live.items() if name not in merged})


def state_of(manifests: dict[str, dict[str, Any]]) -> dict[str, Any] | None:
    """Return the state that manifests of one window add up to, none of which merges another."""
    if not manifests:
        return None
    files = {entry["name"]: entry for name in sorted(manifests) for entry in manifests[name]["files"]}
    removed = {name for manifest in manifests.values() for name in manifest.get("removes", ())}
    kept = [entry for name, entry in files.items() if name not in removed]
    newest_one = manifests[max(manifests)]
    return {
        **{key: newest_one.get(key) for key in ("feed", "partition", "generation", "run_id")},
        "rows": sum(entry["rows"] for entry in kept),
        "files": kept,
        "run_ids": sorted({str(manifest.get("run_id")) for manifest in manifests.values()}),
        "manifests": sorted(manifests),
    }


def read_manifest(folder: str, name: str) -> dict[str, Any]:
    """Return one manifest of a window's folder."""
    path = FileSystems.join(folder, name)
    with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as file:
        manifest: dict[str, Any] = json.loads(file.read())
    return manifest


def entry_of(file: LakeFile) -> dict[str, Any]:
    """Return the entry of a file in a manifest."""
    return {"name": file.name, "rows": file.rows, "bytes": file.bytes, "sha256": file.sha256}


def make_manifest(
    before: dict[str, Any] | None, files: Iterable[LakeFile], run_id: str, *, replace: bool
) -> dict[str, Any]:
    """Return the next state of a window."""
    mine = sorted(files)
    kept = [] if replace or before is None else before["files"]
    entries = [*kept, *map(entry_of, mine)]
    return {
        "feed": mine[0].feed,
        "partition": mine[0].partition,
        "generation": 1 if before is None else before["generation"] + 1,
        "run_id": run_id,
        "rows": sum(entry["rows"] for entry in entries),
        "files": entries,
    }


def newest_files(root: str, feed: str, partitions: Iterable[str]) -> Iterator[str]:
    """Yield the paths of the files that the manifests of the given windows of a feed name."""
    for partition in partitions:
        manifest = newest(root, feed, partition)
        for entry in manifest["files"] if manifest else ():
            yield FileSystems.join(root, feed, partition, entry["name"])
