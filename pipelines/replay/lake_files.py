"""Files of a staged replay into the lake: moved under their final names, then named by a manifest that replaces."""

import json
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from apache_beam.io.filesystems import FileSystems

from transforms.sinks.files.feeds import FEEDS
from transforms.sinks.files.files import LakeFile, literal, write_whole
from transforms.sinks.files.manifests import make_manifest, manifest_name, newest
from transforms.windows import features

FOLDERS = (features.FEED, *(feed.folder for feed in FEEDS))


def publish_files(staged: str, lake: str, partitions: Iterable[str], run_id: str) -> int:
    """Let the staged files of these hours supersede the lake's; return how many windows have a new generation.

    A run that was killed in between left files that no manifest names: no reader sees them.
    """
    done = 0
    for partition in partitions:
        for feed in FOLDERS:
            manifest = newest(staged, feed, partition)
            if manifest is None:
                continue
            _move(staged, lake, feed, partition, manifest, run_id, replace=True)
            done += 1
    return done


def publish_archive(staged: str, lake: str, run_id: str) -> None:
    """Add the staged messages to the lake's archive: a redrive's repaired messages are history too."""
    pattern = FileSystems.join(literal(staged), "archive", "*", "dt=*", "hour=*", "_manifest-*.json")
    for found in FileSystems.match([pattern])[0].metadata_list:
        feed, partition = "/".join(found.path.split("/")[-5:-3]), "/".join(found.path.split("/")[-3:-1])
        manifest = newest(staged, feed, partition)
        if manifest is not None:
            _move(staged, lake, feed, partition, manifest, run_id, replace=False)


def _move(
    staged: str, lake: str, feed: str, partition: str, manifest: dict[str, Any], run_id: str, *, replace: bool
) -> None:
    of, to = FileSystems.join(staged, feed, partition), FileSystems.join(lake, feed, partition)
    names = [entry["name"] for entry in manifest["files"]]
    _mkdirs(to)
    FileSystems.rename([FileSystems.join(of, name) for name in names], [FileSystems.join(to, name) for name in names])
    files = [LakeFile(feed, partition, e["name"], e["rows"], e["bytes"], e["sha256"]) for e in manifest["files"]]
    following = make_manifest(newest(lake, feed, partition), files, run_id, replace=replace)
    write_whole(to, manifest_name(following["generation"], run_id), json.dumps(following).encode())


def _mkdirs(folder: str) -> None:
    with suppress(OSError):  # it is there; BeamIOError is one too
        FileSystems.mkdirs(folder)


def drop_folder(folder: str) -> None:
    """Delete a folder of the lake; nothing where there is none."""
    with suppress(OSError):
        if FileSystems.exists(folder) or FileSystems.match([FileSystems.join(literal(folder), "**")])[0].metadata_list:
            FileSystems.delete([folder])
