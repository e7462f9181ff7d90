"""The archive as a source: the files that its manifests name within a range, and what they weigh."""

from collections.abc import Iterable
from typing import NamedTuple

from apache_beam.io.filesystems import FileSystems

from pipelines.replay.time_range import Range
from schemas.message import TOPICS, UNKNOWN_TOPIC
from schemas.timestamps import MAX_AHEAD_US
from transforms.sinks.files.files import literal
from transforms.sinks.files.manifests import newest
from transforms.sinks.files.partitions import HOUR_US, hour_partition
from transforms.sources.file_ranges import FileRange

LOOKED_AT_ONE_BY_ONE = 48
"""A range of so many hours is asked for hour by hour; a longer one lists the archive once."""


class ArchivePlan(NamedTuple):
    """Files to read, and their messages and bytes (of whole hours: the range may cut the first and the last)."""

    ranges: list[FileRange]
    messages: int
    bytes: int


def plan_archive(lake: str, wanted: Range, topics: Iterable[str] = ()) -> ArchivePlan:
    """Return what of the archive a range may hold.

    An event is published at most 300 s before its event time by its own clock, and any time after: a range of event time
    reads on to the archive's end.
    """
    first = wanted.start if wanted.by == "publish_time" else wanted.start - MAX_AHEAD_US
    last = wanted.end - 1 if wanted.by == "publish_time" else None
    plan: list[FileRange] = []
    messages = size = 0
    for topic in topics or (*TOPICS, UNKNOWN_TOPIC):
        feed = f"archive/{topic}"
        for partition in _partitions(lake, feed, first, last):
            manifest = newest(lake, feed, partition)
            for entry in manifest["files"] if manifest else ():
                path = FileSystems.join(lake, feed, partition, entry["name"])
                plan.append(FileRange(path, "avro", topic, 0, entry["bytes"], True))
                messages, size = messages + entry["rows"], size + entry["bytes"]
    return ArchivePlan(plan, messages, size)


def _partitions(lake: str, feed: str, first: int, last: int | None) -> list[str]:
    if last is not None and last // HOUR_US - first // HOUR_US < LOOKED_AT_ONE_BY_ONE:
        return [hour_partition(hour * HOUR_US) for hour in range(first // HOUR_US, last // HOUR_US + 1)]
    low, high = hour_partition(first), hour_partition(last) if last is not None else "dt=9999-12-31/hour=23"
    pattern = FileSystems.join(literal(lake), feed, "dt=*", "hour=*", "_manifest-*.json")
    found = {"/".join(item.path.split("/")[-3:-1]) for item in FileSystems.match([pattern])[0].metadata_list}
    return sorted(partition for partition in found if low <= partition <= high)
