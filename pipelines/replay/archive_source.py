"""Plan the archive files of a range: how many messages and bytes they hold, and what is damaged.

Files are those that the manifests name, and files of other writers (foreign_archive.py).
"""

from collections.abc import Iterable
from typing import NamedTuple

from apache_beam.io.filesystems import FileSystems

from pipelines.errors import RunFailed
from pipelines.replay.foreign_archive import find_foreign, open_foreign
from pipelines.replay.time_range import Range
from schemas.message import TOPICS, UNKNOWN_TOPIC
from schemas.timestamps import MAX_AHEAD_US
from transforms.archive.integrity import Damage, check_file, list_partitions, missing_manifest, read_window
from transforms.sinks.files.partitions import HOUR_US, hour_partition
from transforms.sources.damaged_input import DamagedInput
from transforms.sources.file_ranges import FileRange

MAX_HOURS_BY_NAME = 48
"""A range of at most this many hours is looked up hour by hour; for a longer range the archive is listed once."""
MAX_NAMED = 5
"""An error names at most this many damaged files."""


class ArchivePlan(NamedTuple):
    """Files to read; `messages` and `bytes` are of whole hours, of which the range may cut the first and the last."""

    ranges: list[FileRange]
    messages: int
    bytes: int
    damaged: list[Damage]
    """Files and windows that are left out."""


def plan_archive(lake: str, wanted: Range, topics: Iterable[str] = (), *, skip_damaged: bool = False) -> ArchivePlan:
    """Return the archive files that may hold messages of a range.

    An event is published at most 300 s before its event time by its producer's clock, and any time after: a range of
    event time reads to the archive's end.

    Args:
        lake: root of the lake.
        wanted: the range.
        topics: only these topics; all if empty.
        skip_damaged: check every file now, and leave out what is damaged or missing. Otherwise workers check each file
            when they read it.

    Raises:
        RunFailed: a manifest is damaged or missing, and `skip_damaged` is not given.
    """
    first = wanted.start if wanted.by == "publish_time" else wanted.start - MAX_AHEAD_US
    last = wanted.end - 1 if wanted.by == "publish_time" else None
    ranges: list[FileRange] = []
    damaged: list[Damage] = []
    messages = size = 0
    for topic in topics or (*TOPICS, UNKNOWN_TOPIC):
        feed = f"archive/{topic}"
        foreign: list[str] = []
        before = len(ranges), len(damaged)
        for partition in _partitions(lake, feed, first, last):
            window = read_window(lake, feed, partition)
            damaged += window.damage
            own = _own_files(window.unlisted)
            foreign += [path for path in window.unlisted if path not in own]
            if own:
                damaged.append(missing_manifest(FileSystems.join(lake, feed, partition), len(own)))
            for file in window.files:
                if skip_damaged and (reason := check_file(file.path, file.bytes, file.sha256)):
                    damaged.append(Damage(file.path, reason))
                    continue
                ranges.append(FileRange(file.path, "avro", topic, 0, file.bytes, True, sha256=file.sha256))
                messages, size = messages + file.rows, size + file.bytes
        if before == (len(ranges), len(damaged)):  # an archive of this project's own need not be listed
            foreign += find_foreign(lake, topic, first, last)
        for path in foreign:
            try:
                found = open_foreign(path)
            except DamagedInput as error:
                damaged.append(Damage(path, str(error).removeprefix(f"{path}: ")))
                continue
            if found is None:
                damaged.append(Damage(path, "no manifest names it, and it is not in the folder of an hour"))
                continue
            ranges.append(FileRange(path, "avro", topic, 0, found.bytes, True))
            messages, size = messages + found.messages, size + found.bytes
    if damaged and not skip_damaged:
        raise RunFailed(f"{describe_damage(damaged)}; --skip_damaged replays the rest")
    return ArchivePlan(ranges, messages, size, damaged)


def describe_damage(damaged: list[Damage]) -> str:
    """Return one line that names the damaged files."""
    named = "; ".join(map(str, damaged[:MAX_NAMED]))
    more = f"; and {len(damaged) - MAX_NAMED:,} more" if len(damaged) > MAX_NAMED else ""
    return f"the archive is damaged: {named}{more}"


def _own_files(paths: list[str]) -> set[str]:
    """Return the files that this project wrote; a damaged file is reported when it is read."""
    own = set()
    for path in paths:
        try:
            if open_foreign(path) is None:
                own.add(path)
        except DamagedInput:
            continue
    return own


def _partitions(lake: str, feed: str, first: int, last: int | None) -> list[str]:
    if last is not None and last // HOUR_US - first // HOUR_US < MAX_HOURS_BY_NAME:
        return [hour_partition(hour * HOUR_US) for hour in range(first // HOUR_US, last // HOUR_US + 1)]
    low, high = hour_partition(first), hour_partition(last) if last is not None else "dt=9999-12-31/hour=23"
    return [partition for partition in list_partitions(lake, feed) if low <= partition <= high]
