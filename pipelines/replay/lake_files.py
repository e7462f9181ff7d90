"""Publish the files of a staged replay, after the transaction that publishes its rows.

What is going to be published is written to the staging before the transaction. A replay that is killed between the two
is finished by the next command on these stores: its run record says DONE, and its staged files are still there. Each
step can be repeated.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from pipelines.lake.iceberg import commit_lake
from transforms.sinks.files.feeds import FEEDS
from transforms.sinks.files.files import LakeFile, literal, write_whole
from transforms.sinks.files.manifests import newest
from transforms.sinks.files.publish import finish_window
from transforms.sinks.files.publish import publish_files as publish_window
from transforms.windows import features

FOLDERS = (features.FEED, *(feed.folder for feed in FEEDS))
STAGING = ".replay"
"""Folder of the lake that holds one folder of staged files per run."""
PLAN = "publish.json"


def write_plan(staged: str, partitions: Iterable[str], *, archives: bool) -> None:
    """Write what publish_staged is going to do.

    Args:
        staged: folder of the staged files.
        partitions: hours whose files are replaced, as `dt=…/hour=…`.
        archives: whether the staged messages are added to the archive.
    """
    plan = {"partitions": sorted(partitions), "archives": archives}
    write_whole(staged, PLAN, json.dumps(plan).encode())


def publish_staged(staged: str, lake: str, run_id: str) -> None:
    """Publish the files that the plan of a staging names; what an earlier attempt has published is left as it is."""
    with FileSystems.open(FileSystems.join(staged, PLAN), compression_type=CompressionTypes.UNCOMPRESSED) as file:
        plan = json.loads(file.read())
    publish_files(staged, lake, plan["partitions"], run_id)
    commit_lake(lake, run_id, plan["partitions"], commit_id=run_id)
    if plan["archives"]:
        publish_archive(staged, lake, run_id)


def staged_plans(lake: str) -> Iterator[tuple[str, str]]:
    """Yield (run id, folder) of every staging of a lake that has a plan."""
    pattern = FileSystems.join(literal(lake), STAGING, "*", PLAN)
    for found in FileSystems.match([pattern])[0].metadata_list:
        folder = found.path.replace("\\", "/").removesuffix(f"/{PLAN}")
        yield folder.rsplit("/", 1)[-1], folder


def publish_files(staged: str, lake: str, partitions: Iterable[str], run_id: str) -> int:
    """Let the staged files of these hours supersede the lake's; return how many windows have a new generation."""
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
    before = newest(lake, feed, partition)
    if before is not None and run_id in before["run_ids"]:
        finish_window(lake, feed, partition, run_id)  # an earlier attempt published it
        return
    _mkdirs(FileSystems.join(lake, feed, partition))
    files = [LakeFile(feed, partition, e["name"], e["rows"], e["bytes"], e["sha256"]) for e in manifest["files"]]
    staged_in = str(FileSystems.join(staged, feed, partition))
    publish_window(lake, files, run_id, replace=replace, staged_in=staged_in)


def _mkdirs(folder: str) -> None:
    with suppress(OSError):  # it exists; BeamIOError is an OSError too
        FileSystems.mkdirs(folder)


def drop_folder(folder: str) -> None:
    """Delete a folder of the lake; do nothing if there is none."""
    with suppress(OSError):
        if FileSystems.exists(folder) or FileSystems.match([FileSystems.join(literal(folder), "**")])[0].metadata_list:
            FileSystems.delete([folder])
