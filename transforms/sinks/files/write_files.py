"""WriteFiles: contents of files into the lake; and the files of the dead letters, which need no BigQuery."""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

import apache_beam as beam
import pyarrow as pa
from apache_beam.pvalue import TaggedOutput
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue

from schemas.event import DeadLetter
from transforms.event_batch import EventBatch
from transforms.sinks.dead_letter_rows import dead_letter_line, failed_day
from transforms.sinks.files.dead_letter_files import COMPRESSIONS, lines_content
from transforms.sinks.files.feed import Feed
from transforms.sinks.files.files import FileContent, LakeFile, stage_file
from transforms.table_rows import Run

DEAD_LETTERS_FEED = "dead_letters"
_OWN_FILE_LINES = 1000
_MOST_LINES = 10_000
_OWN_FILE = "own"
Lines: TypeAlias = tuple[str, tuple[int, bytes]]
OwnFile: TypeAlias = TaggedOutput[Literal["own"], FileContent]
FLUSH_BYTES = 64 << 20


@dataclass(kw_only=True)
class WriteFiles(beam.PTransform[beam.PCollection[FileContent], beam.PCollection[LakeFile]]):
    """Write each content as one file of the lake."""

    root: str
    run_id: str

    def expand(self, pcoll: beam.PCollection[FileContent]) -> beam.PCollection[LakeFile]:
        return pcoll | "Write" >> beam.Map(_write, self.root, self.run_id)


def _write(content: FileContent, root: str, run_id: str) -> LakeFile:
    return stage_file(root, content, run_id)


@dataclass(kw_only=True)
class WriteFeed(beam.PTransform[beam.PCollection[EventBatch], beam.PCollection[LakeFile]]):
    """Stage the rows of a feed, one file per hour and flush.

    Args:
        feed: the feed.
        root: the root of the lake.
        run_id: the run, whose name leads the files' names.
        flush_bytes: rows of about this size in memory, of all hours, are written; or those of a bundle.
    """

    feed: Feed
    root: str
    run_id: str
    flush_bytes: int = FLUSH_BYTES

    def expand(self, pcoll: beam.PCollection[EventBatch]) -> beam.PCollection[LakeFile]:
        return (
            pcoll
            | "Files" >> beam.ParDo(_FilesFn(self.feed, self.flush_bytes))
            | "Write" >> beam.Map(_write, self.root, self.run_id)
        )


class _FilesFn(beam.DoFn):
    """Collects rows by hour and outputs a file's content per hour when they are many or the bundle ends."""

    def __init__(self, feed: Feed, flush_bytes: int) -> None:
        self._feed, self._flush_bytes = feed, flush_bytes

    def start_bundle(self) -> None:
        self._waiting: dict[str, list[pa.RecordBatch]] = {}
        self._bytes = 0

    def process(self, batch: EventBatch) -> Iterator[FileContent]:
        for partition, rows in self._feed.parts(batch):
            self._waiting.setdefault(partition, []).append(rows)
            self._bytes += rows.nbytes
        if self._bytes >= self._flush_bytes:
            yield from self._flush()

    def finish_bundle(self) -> Iterator[WindowedValue]:
        for content in self._flush():
            yield WindowedValue(content, GlobalWindow().max_timestamp(), [GlobalWindow()])

    def _flush(self) -> Iterator[FileContent]:
        for partition, rows in self._waiting.items():
            yield self._feed.content(partition, pa.concat_batches(rows))
        self._waiting, self._bytes = {}, 0


@dataclass(kw_only=True)
class WriteDeadLetters(beam.PTransform[beam.PCollection[list[DeadLetter]], beam.PCollection[LakeFile]]):
    """Write dead letters as JSON lines by the day of their failure, at most 10,000 per file.

    Args:
        root: root of the lake.
        run: the run.
        compression: of the files, `none` or `gzip`.
    """

    root: str
    run: Run
    compression: str = COMPRESSIONS[0]

    def expand(self, pcoll: beam.PCollection[list[DeadLetter]]) -> beam.PCollection[LakeFile]:
        lines = pcoll | "Lines" >> beam.ParDo(_lines, self.run, self.compression).with_outputs(_OWN_FILE, main="few")
        files = (
            lines.few | "ByDay" >> beam.GroupByKey() | "Join" >> beam.ParDo(_join, self.compression),
            lines[_OWN_FILE],
        )
        written = [
            content | label >> beam.Map(_write, self.root, self.run.run_id)
            for label, content in zip(("Write", "WriteMany"), files, strict=True)
        ]
        return written | "AllWritten" >> beam.Flatten()


def _lines(dead_letters: list[DeadLetter], run: Run, compression: str) -> Iterator[Lines | OwnFile]:
    """Join a batch's lines by day: a file of their own if they are many, otherwise how many they are and the lines.

    What goes to `_join` is compressed: a runner on one machine holds all values of a key several times.
    """
    days: dict[str, list[bytes]] = {}
    for dead_letter in dead_letters:
        days.setdefault(failed_day(dead_letter, run), []).append(dead_letter_line(dead_letter, run))
    for day, lines in days.items():
        if len(lines) >= _OWN_FILE_LINES:
            for first in range(0, len(lines), _MOST_LINES):
                part = lines[first : first + _MOST_LINES]
                content = lines_content(DEAD_LETTERS_FEED, day, len(part), b"".join(part), compression)
                yield TaggedOutput(_OWN_FILE, content)
        else:
            yield day, (len(lines), zlib.compress(b"".join(lines), 1))


def _join(keyed: tuple[str, Iterable[tuple[int, bytes]]], compression: str) -> Iterator[FileContent]:
    day, parts = keyed
    rows, size, waiting = 0, 0, list[bytes]()
    for count, compressed in parts:
        data = zlib.decompress(compressed)
        waiting.append(data)
        rows, size = rows + count, size + len(data)
        if rows >= _MOST_LINES or size >= 64 << 20:
            yield lines_content(DEAD_LETTERS_FEED, day, rows, b"".join(waiting), compression)
            rows, size, waiting = 0, 0, []
    if waiting:
        yield lines_content(DEAD_LETTERS_FEED, day, rows, b"".join(waiting), compression)
