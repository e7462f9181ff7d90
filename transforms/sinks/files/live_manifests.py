"""Manifests of a streaming run: one per flush, which adds a file and reads no other manifest.

Every `MERGE_EVERY` generations the manifest merges the ones before it, so that readers read few of them; `lake compact` merges
the rest.
"""

from collections.abc import Iterable
from functools import partial

from transforms.sinks.files.files import LakeFile
from transforms.sinks.files.publish import Manifest, add, publish

MERGE_EVERY = 50


def add_to_manifests(root: str, files: Iterable[LakeFile], run_id: str, supersedes: str | None = None) -> None:
    """Add files to the manifests of their windows.

    Args:
        root: the root of the lake.
        files: staged or final files.
        run_id: the run that publishes.
        supersedes: the beginning of the names of files that these replace, such as an earlier firing of their window.
    """
    windows: dict[tuple[str, str], list[LakeFile]] = {}
    for file in files:
        windows.setdefault((file.feed, file.partition), []).append(file)
    for (feed, partition), mine in windows.items():
        added = add(root, feed, partition, run_id, mine, supersedes)
        if added["generation"] % MERGE_EVERY == 0:
            merge_manifests(root, feed, partition, run_id)


def merge_manifests(root: str, feed: str, partition: str, run_id: str) -> None:
    """Publish a manifest that merges those of a window and changes nothing else."""
    publish(root, feed, partition, run_id, partial(_same, run_id))


def _same(run_id: str, before: Manifest | None) -> Manifest:
    if before is None:
        raise ValueError("a window without manifests cannot be merged")
    return {**before, "generation": before["generation"] + 1, "run_id": run_id}
