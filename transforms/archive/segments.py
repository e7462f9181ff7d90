"""The archive of a streaming run: open segments, on disk before anything is acknowledged (docs/decisions/0004).

A segment is an Avro file that grows by one block per bundle, each followed by fsync. After its minute it gets its final
name and is added to the manifest. After a crash the next run cuts it after its last whole block and finishes it: what
followed was never acknowledged. A shard belongs to one process, which holds its lock.
"""

import fcntl
import hashlib
import os
import re
import threading
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Protocol

import fastavro

from schemas.message import Message, topic_label
from schemas.timestamps import SECOND_US, to_rfc3339
from transforms.archive.batch import ARCHIVE_HEADER, archive_avro, archive_blocks
from transforms.clock import Clock, wall_us
from transforms.sinks.files.avro_blocks import file_pieces
from transforms.sinks.files.files import FileContent, LakeFile, write_file
from transforms.sinks.files.live_manifests import add_to_manifests
from transforms.sinks.files.manifests import newest
from transforms.sinks.files.partitions import HOUR_US, hour_partition

MINUTE_US = 60 * SECOND_US
MAX_SHARDS = 64
_OPEN = re.compile(r"\.open-([0-9]{8}T[0-9]{4})-([0-9]{2})\.avro$")


class StreamArchive(Protocol):
    """Where a source writes its messages before it acknowledges them."""

    def append(self, messages: Iterable[Message]) -> None:
        """Write messages; on return they are durable."""

    def roll(self) -> None:
        """Finish what is due; called about once per second."""

    def close(self) -> None:
        """Finish everything."""


def open_archive(root: str, topic: str, run_id: str) -> StreamArchive:
    """Return segments on a local root, and otherwise one file per bundle, because object stores cannot append."""
    feed = f"archive/{topic_label(topic)}"
    return BundleFiles(root, feed, run_id) if "://" in root else Segments(root, feed, run_id)


class Segments:
    """Open segments of one topic, by hour of the publish time; safe to use from several threads.

    Args:
        root: root of the files.
        feed: `archive/TOPIC`.
        run_id: part of the files' names.
        clock: the wall clock, UTC microseconds.
    """

    def __init__(self, root: str, feed: str, run_id: str, clock: Clock = wall_us) -> None:
        self._root, self._feed, self._run_id, self._clock = root, feed, run_id, clock
        self._folder = Path(root) / feed
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._open: dict[str, _Segment] = {}
        self._shard, self._owner = _take_shard(self._folder)
        for left in sorted(self._folder.glob(f"dt=*/hour=*/.open-*-{self._shard:02d}.avro")):
            self._finish(left)  # of a process that was killed

    def append(self, messages: Iterable[Message]) -> None:
        """Append messages as one block per hour, and fsync."""
        hours: dict[int, list[Message]] = {}
        for message in messages:
            hours.setdefault(message.publish_time // HOUR_US, []).append(message)
        with self._lock:
            for hour, part in hours.items():
                self._segment(hour_partition(hour * HOUR_US)).append(part)

    def roll(self) -> None:
        """Finish the segments whose minute is over."""
        now = minute_label(self._clock())
        with self._lock:
            for partition in [key for key, segment in self._open.items() if segment.minute < now]:
                self._finish(self._open.pop(partition).close())

    def close(self) -> None:
        """Finish all segments and release the shard."""
        with self._lock:
            for segment in self._open.values():
                self._finish(segment.close())
            self._open = {}
            self._owner.close()

    def _segment(self, partition: str) -> "_Segment":
        if partition not in self._open:
            folder = self._folder / partition
            folder.mkdir(parents=True, exist_ok=True)
            taken = [path.name[:13] for path in folder.glob(f"*-{self._shard:02d}-*.avro")]
            minute = next_minute(minute_label(self._clock()), max(taken, default=""))
            self._open[partition] = _Segment(folder / f".open-{minute}-{self._shard:02d}.avro", minute)
        return self._open[partition]

    def _finish(self, path: Path) -> LakeFile | None:
        """Cut a segment after its last whole block, name it and add it to its partition's manifest."""
        rows, end = whole_blocks(path)
        if not rows:
            path.unlink()
            return None
        os.truncate(path, end)
        match = _OPEN.search(path.name)
        assert match is not None
        final = _linked(path) or path.with_name(f"{match[1]}-{match[2]}-{self._run_id}.avro")
        with path.open("rb") as file:
            os.fsync(file.fileno())
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if not (final.exists() and final.samefile(path)):
            os.link(path, final)  # raises FileExistsError: an archive file is never overwritten
        done = LakeFile(self._feed, path.parent.relative_to(self._folder).as_posix(), final.name, rows, end, digest)
        if not _is_named(self._root, done):
            add_to_manifests(self._root, [done], self._run_id)
        path.unlink()  # last: until here a killed process leaves the segment to the next one
        return done


class _Segment:
    """One open file. Every append is at least one block, on disk when `append` returns."""

    def __init__(self, path: Path, minute: str) -> None:
        self.path, self.minute = path, minute
        self._file: IO[bytes] = path.open("xb")
        self._file.write(ARCHIVE_HEADER)

    def append(self, messages: list[Message]) -> None:
        for piece in file_pieces(ARCHIVE_HEADER, archive_blocks(messages))[1:]:
            self._file.write(piece)
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> Path:
        self._file.close()
        return self.path


class BundleFiles:
    """The archive on an object store: one file per bundle and hour; manifests follow every minute."""

    def __init__(self, root: str, feed: str, run_id: str, clock: Clock = wall_us) -> None:
        self._root, self._feed, self._run_id, self._clock = root, feed, run_id, clock
        self._lock = threading.Lock()
        self._unnamed: list[LakeFile] = []
        self._minute = minute_label(clock())

    def append(self, messages: Iterable[Message]) -> None:
        """Write messages as one whole file per hour."""
        hours: dict[int, list[Message]] = {}
        for message in messages:
            hours.setdefault(message.publish_time // HOUR_US, []).append(message)
        for hour, part in hours.items():
            content = FileContent(self._feed, hour_partition(hour * HOUR_US), "avro", len(part), archive_avro(part))
            done = write_file(self._root, content, self._run_id)
            with self._lock:
                self._unnamed.append(done)

    def roll(self) -> None:
        """Add the files of the last minute to manifests."""
        now = minute_label(self._clock())
        if now != self._minute:
            self._minute = now
            self.close()

    def close(self) -> None:
        """Add all files to manifests."""
        with self._lock:
            files, self._unnamed = self._unnamed, []
        add_to_manifests(self._root, files, self._run_id)


def minute_label(time_us: int) -> str:
    """Return `20260615T1203` of an instant."""
    text = to_rfc3339(time_us)
    return f"{text[:10].replace('-', '')}T{text[11:13]}{text[14:16]}"


def next_minute(now: str, last: str) -> str:
    """Return the minute of a new segment: now, or the one after the last that is taken, so that no minute has two."""
    if now > last:
        return now
    hours, minutes = divmod(int(last[9:11]) * 60 + int(last[11:13]) + 1, 60)
    return (
        f"{last[:9]}{hours:02d}{minutes:02d}"  # over midnight this gives hour 24: later than all before, as it must be
    )


def whole_blocks(path: Path) -> tuple[int, int]:
    """Return the rows and the end (bytes) of the whole blocks of an Avro file; (0, 0) if its header is not whole."""
    rows = end = 0
    with path.open("rb") as file:
        try:
            for block in fastavro.block_reader(file):
                rows, end = rows + block.num_records, block.offset + block.size
        except (EOFError, ValueError, IndexError, StopIteration, UnicodeDecodeError, zlib.error):
            pass  # a kill in the middle of a block, which was never acknowledged
    return rows, end


def _linked(path: Path) -> Path | None:
    """Return the final name that a killed process has given to a segment already, or None."""
    if path.stat().st_nlink == 1:
        return None
    return next((other for other in path.parent.glob("[0-9]*.avro") if other.samefile(path)), None)


def _is_named(root: str, file: LakeFile) -> bool:
    manifest = newest(root, file.feed, file.partition)
    return manifest is not None and any(entry["name"] == file.name for entry in manifest["files"])


def _take_shard(folder: Path) -> tuple[int, IO[bytes]]:
    """Lock the first shard that no process holds; a lock dies with its process."""
    for shard in range(MAX_SHARDS):
        owner = (folder / f".shard-{shard:02d}.lock").open("ab")
        try:
            fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return shard, owner
        except OSError:
            owner.close()
    raise RuntimeError(f"{folder}: all {MAX_SHARDS} archive shards are held by other processes")
