"""Publish a manifest: what a plain reader of the folder counts is what a reader of manifests counts.

`publish` writes a manifest that merges the others of its window, `add` one that only adds (manifests.py).

In order: the manifest is written under its hidden name, the window's new files get their final names, the manifest gets
its own, and files that an older manifest names and this one does not leave the folder. A process that is killed between
two of these steps is finished by the next one that publishes the window, or by `finish_window`.

Superseded files move to `.superseded/<run_id>/` under the root, for `event-pipelines lake prune` to delete. On an object
store they are deleted, and the bucket's soft delete keeps them. A file that no manifest names is never touched: it may be
being written.
"""

import hashlib
import json
from collections.abc import Callable, Collection, Iterable
from functools import partial
from typing import Any

from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from transforms.sinks.files.files import LakeFile, hidden_name, names_in, reveal, stage_whole
from transforms.sinks.files.manifests import (
    entry_of,
    generation_of,
    is_manifest,
    make_manifest,
    manifest_name,
    read_manifest,
    read_state,
)

SUPERSEDED = ".superseded"
"""The folder under the root of the lake that takes superseded files."""

Manifest = dict[str, Any]
Retire = Callable[[str, str, str, Iterable[str]], None]
"""Remove superseded files of a window: root, feed, partition, names."""


def publish_files(
    root: str, files: Iterable[LakeFile], run_id: str, *, replace: bool, staged_in: str | None = None
) -> Manifest:
    """Publish files of one window.

    Args:
        root: the root of the lake.
        files: staged or final files of one feed and partition.
        run_id: the run that publishes, named by the manifest and by the folder of superseded files.
        replace: whether the files supersede all others of the window, or are added to them.
        staged_in: the folder in which the files are staged; None: they are hidden in the window's folder, or final.
    """
    mine = sorted(files)
    change = partial(make_manifest, files=mine, run_id=run_id, replace=replace)
    return publish(root, mine[0].feed, mine[0].partition, run_id, change, staged_in=staged_in)


def publish(
    root: str,
    feed: str,
    partition: str,
    run_id: str,
    change: Callable[[Manifest | None], Manifest],
    retire: Retire | None = None,
    staged_in: str | None = None,
) -> Manifest:
    """Publish a manifest that merges those of a window and return it.

    Args:
        root: the root of the lake.
        feed: the folder of the feed under the root, such as `ml/iot_features`.
        partition: the folder of the window in the feed, such as `dt=2026-06-15/hour=12`.
        run_id: the run that publishes.
        change: returns the next state, given the current one or None.
        retire: removes superseded files; by default they move to `.superseded`, or are deleted on an object store.
        staged_in: the folder in which new files are staged; None: they are hidden in the window's folder, or final.
    """
    folder = FileSystems.join(root, feed, partition)
    names = _finish_manifests(folder, names_in(folder, ""))
    before = read_state(folder, names)
    old = {entry["name"] for entry in before["files"]} if before else set()
    manifest = change(before)
    ours = {entry["name"] for entry in manifest["files"]}
    manifest = {key: value for key, value in manifest.items() if key not in ("run_ids", "manifests")}
    manifest |= {"removes": sorted(old - ours), "merges": sorted(filter(is_manifest, names))}
    name = manifest_name(manifest["generation"], run_id)
    stage_whole(folder, name, json.dumps(manifest).encode())
    reveal(folder, [entry["name"] for entry in manifest["files"] if entry["name"] not in old], staged_in)
    reveal(folder, [name])
    left = _left_behind(folder, names, old | ours, run_id)
    (retire or retire_to(run_id))(root, feed, partition, sorted((old - ours) & set(names) | left))
    return manifest


def add(
    root: str, feed: str, partition: str, run_id: str, files: Iterable[LakeFile], supersedes: str | None = None
) -> Manifest:
    """Publish a manifest that adds files to a window and merges no other, and return it; no manifest is read.

    Args:
        root: the root of the lake.
        feed: the folder of the feed under the root.
        partition: the folder of the window in the feed.
        run_id: the run that publishes.
        files: staged or final files.
        supersedes: the beginning of the names of files that these replace.
    """
    folder, mine = FileSystems.join(root, feed, partition), sorted(files)
    names = _finish_manifests(folder, names_in(folder, ""))
    ours = {file.name for file in mine}
    gone = [name for name in names if supersedes is not None and name.startswith(supersedes) and name not in ours]
    manifest: Manifest = {
        "feed": feed,
        "partition": partition,
        "generation": generation_of(max(filter(is_manifest, names), default="")) + 1,
        "run_id": run_id,
        "rows": sum(file.rows for file in mine),
        "files": list(map(entry_of, mine)),
        "removes": sorted(gone),
        "merges": [],
    }
    # The files' names are in the manifest's: two processes of one run may write the same generation.
    suffix = hashlib.sha256("".join(sorted(ours)).encode()).hexdigest()[:8]
    name = manifest_name(manifest["generation"], f"{run_id}-{suffix}")
    stage_whole(folder, name, json.dumps(manifest).encode())
    reveal(folder, sorted(ours))
    reveal(folder, [name])
    retire_to(run_id)(root, feed, partition, sorted(gone))
    return manifest


def finish_window(root: str, feed: str, partition: str, run_id: str, retire: Retire | None = None) -> list[str]:
    """Finish what killed processes began in a window; return the names of the files that left the folder."""
    folder = FileSystems.join(root, feed, partition)
    names = _finish_manifests(folder, names_in(folder, ""))
    state = read_state(folder, names)
    if state is None:
        return []
    left = sorted(_left_behind(folder, names, {entry["name"] for entry in state["files"]}, run_id))
    (retire or retire_to(run_id))(root, feed, partition, left)
    return left


def retire_to(run_id: str) -> Retire:
    """Return how files leave a feed that a run has superseded."""

    def retire(root: str, feed: str, partition: str, names: Iterable[str]) -> None:
        names = list(names)
        if not names:
            return
        if "://" in root:
            delete_files(root, feed, partition, names)
            return
        target = FileSystems.join(root, SUPERSEDED, run_id, feed, partition)
        if not FileSystems.exists(target):
            FileSystems.mkdirs(target)
        for name in names:
            FileSystems.rename([FileSystems.join(root, feed, partition, name)], [FileSystems.join(target, name)])

    return retire


def delete_files(root: str, feed: str, partition: str, names: Iterable[str]) -> None:
    """Delete files of a window; on an object store with soft delete they can be restored."""
    paths = [FileSystems.join(root, feed, partition, name) for name in names]
    if paths:
        FileSystems.delete(paths)


def _finish_manifests(folder: str, names: list[str]) -> list[str]:
    """Publish the manifests whose process was killed after it had written them; return the folder's names.

    A manifest that was cut off, or whose files are missing, was never published and stays hidden.
    """
    present = set(names)
    published = max((name for name in names if is_manifest(name)), default="")
    for hidden in sorted(name for name in names if name.startswith("._manifest-") and name.endswith(".tmp")):
        name = hidden[1:].removesuffix(".tmp")
        try:
            path = FileSystems.join(folder, hidden)
            with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as file:
                manifest = json.loads(file.read())
            files, adds_only = [entry["name"] for entry in manifest["files"]], manifest.get("merges") == []
        except (OSError, ValueError, KeyError):
            continue
        if name <= published and not adds_only:
            continue
        if all(file in present or hidden_name(file) in present for file in files):
            reveal(folder, [file for file in files if file not in present])
            reveal(folder, [name])
            names = names_in(folder, "")
    return names


def _left_behind(folder: str, names: list[str], known: Collection[str], run_id: str) -> set[str]:
    """Return the files that an older manifest names and a killed process did not remove."""
    strange = {
        name
        for name in names
        if not name.startswith((".", "_", f"{run_id}-")) and name not in known  # this run's files may await their turn
    }
    if not strange:
        return set()
    older = (read_manifest(folder, name) for name in names if is_manifest(name))
    return strange & {entry["name"] for manifest in older for entry in manifest["files"]}
