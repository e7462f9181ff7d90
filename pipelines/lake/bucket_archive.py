"""What killed streaming runs left in the archive of a bucket: whole files that no manifest names yet.

There a run writes one file per hour and bundle before it acknowledges the messages, and adds its files to the manifests
once per minute (transforms/archive/segments.py). After a kill those of the last minute are missing from them.
"""

import hashlib
import io
from collections.abc import Iterable

import fastavro
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from pipelines.lake.listing import StoredFile, stored_files
from schemas.message import UNKNOWN_TOPIC, Message
from schemas.timestamps import SECOND_US
from transforms.sinks.files.files import LakeFile
from transforms.sinks.files.live_manifests import add_to_manifests
from transforms.sinks.files.manifests import newest
from transforms.sources.damaged_input import DamagedInput
from transforms.sources.read_avro import read_avro

NAMED_WITHIN_SECONDS = 180.0
"""Files that are older than this, before the last sign of life of their run, are in manifests."""


def files_of(lake: str, runs: Iterable[str], renewed: int) -> list[StoredFile]:
    """Return the archive files that runs wrote shortly before or after an instant.

    Args:
        lake: the root, gs://….
        runs: the names of the runs.
        renewed: the instant, UTC microseconds.
    """
    beginnings, oldest = tuple(f"{run_id}-" for run_id in runs), renewed / SECOND_US - NAMED_WITHIN_SECONDS
    return [
        file
        for file in stored_files(lake, "archive")
        if file.name.startswith(beginnings) and file.name.endswith(".avro") and not 0 < file.updated < oldest
    ]


def name_files(lake: str, files: Iterable[StoredFile], run_id: str) -> int:
    """Add the files that no manifest names to the manifests of their hours; return how many these are."""
    unnamed = []
    for file in files:
        manifest = newest(lake, file.feed, file.partition)
        if manifest is None or all(entry["name"] != file.name for entry in manifest["files"]):
            data = _read(file)
            rows = sum(block.num_records for block in fastavro.block_reader(io.BytesIO(data)))
            sha256 = hashlib.sha256(data).hexdigest()
            unnamed.append(LakeFile(file.feed, file.partition, file.name, rows, len(data), sha256))
    add_to_manifests(lake, unnamed, run_id)
    return len(unnamed)


def first_publish(files: Iterable[StoredFile]) -> int | None:
    """Return the earliest publish time in files, UTC microseconds; None if they hold no message."""
    first: int | None = None
    for file in files:
        try:
            for message in read_avro(io.BytesIO(_read(file)), UNKNOWN_TOPIC, path=file.path):
                if isinstance(message, Message):
                    first = message.publish_time if first is None else min(first, message.publish_time)
        except DamagedInput:
            continue  # the backfill names it
    return first


def _read(file: StoredFile) -> bytes:
    with FileSystems.open(file.path, compression_type=CompressionTypes.UNCOMPRESSED) as opened:
        data: bytes = opened.read()
    return data
