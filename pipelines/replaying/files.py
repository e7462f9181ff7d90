"""Files of a staged replay into the lake: moved under their final names, then named by a manifest that replaces."""

import json
from collections.abc import Iterable
from contextlib import suppress

from apache_beam.io.filesystems import FileSystems

from transforms import features, telemetry
from transforms.sinks.files import LakeFile, write_whole
from transforms.sinks.manifests import make_manifest, manifest_name, newest

FEEDS = (features.FEED, telemetry.FEED)


def publish_files(staged: str, lake: str, partitions: Iterable[str], run_id: str) -> int:
    """Let the staged files of these hours supersede the lake's; return how many windows have a new generation.

    A run that was killed in between left files that no manifest names: no reader sees them.
    """
    done = 0
    for partition in partitions:
        for feed in FEEDS:
            manifest = newest(staged, feed, partition)
            if manifest is None:
                continue
            of, to = FileSystems.join(staged, feed, partition), FileSystems.join(lake, feed, partition)
            names = [entry["name"] for entry in manifest["files"]]
            _mkdirs(to)
            FileSystems.rename([FileSystems.join(of, n) for n in names], [FileSystems.join(to, n) for n in names])
            files = [LakeFile(feed, partition, e["name"], e["rows"], e["bytes"], e["sha256"]) for e in manifest["files"]]
            following = make_manifest(newest(lake, feed, partition), files, run_id, replace=True)
            write_whole(to, manifest_name(following["generation"], run_id), json.dumps(following).encode())
            done += 1
    return done


def _mkdirs(folder: str) -> None:
    with suppress(OSError):  # it is there; BeamIOError is one too
        FileSystems.mkdirs(folder)


def drop_folder(folder: str) -> None:
    """Delete a folder of the lake; nothing where there is none."""
    with suppress(OSError):
        if FileSystems.exists(folder) or FileSystems.match([FileSystems.join(folder, "**")])[0].metadata_list:
            FileSystems.delete([folder])
