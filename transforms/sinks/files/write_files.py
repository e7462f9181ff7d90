"""WriteFiles: contents of files into the lake; and the files of the dead letters, which need no BigQuery."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import apache_beam as beam

from schemas.event import DeadLetter
from transforms.event_batch import EventBatch
from transforms.sinks.dead_letter_rows import dead_letter_line, failed_day
from transforms.sinks.files.feed import Feed
from transforms.sinks.files.files import FileContent, LakeFile, stage_file
from transforms.table_rows import Run

DEAD_LETTERS_FEED = "dead_letters"


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
    """Write the rows of a feed, one file a batch and hour."""

    feed: Feed
    root: str
    run_id: str

    def expand(self, pcoll: beam.PCollection[EventBatch]) -> beam.PCollection[LakeFile]:
        return pcoll | "Files" >> beam.FlatMap(self.feed.files) | "Write" >> beam.Map(_write, self.root, self.run_id)


@dataclass(kw_only=True)
class WriteDeadLetters(beam.PTransform[beam.PCollection[list[DeadLetter]], beam.PCollection[LakeFile]]):
    """Write dead letters as JSON lines by the day of their failure, at most 10,000 a file."""

    root: str
    run: Run

    def expand(self, pcoll: beam.PCollection[list[DeadLetter]]) -> beam.PCollection[LakeFile]:
        return (
            pcoll
            | "Lines" >> beam.ParDo(_lines, self.run)
            | "ByDay" >> beam.GroupBy(lambda line: line[0])
            | "Join" >> beam.ParDo(_join)
            | "Write" >> beam.Map(_write, self.root, self.run.run_id)
        )


def _lines(letters: list[DeadLetter], run: Run) -> Iterator[tuple[str, int, bytes]]:
    """Join a batch's lines by day, so that a batch and day is one element."""
    days: dict[str, list[bytes]] = {}
    for letter in letters:
        days.setdefault(failed_day(letter, run), []).append(dead_letter_line(letter, run))
    for day, lines in days.items():
        yield day, len(lines), b"".join(lines)


def _join(keyed: tuple[str, Iterable[tuple[str, int, bytes]]]) -> Iterator[FileContent]:
    day, parts = keyed
    rows, size, waiting = 0, 0, []
    for _, count, data in parts:
        waiting.append(data)
        rows, size = rows + count, size + len(data)
        if rows >= 10_000 or size >= 64 << 20:
            yield FileContent(DEAD_LETTERS_FEED, day, "jsonl", rows, b"".join(waiting))
            rows, size, waiting = 0, 0, []
    if waiting:
        yield FileContent(DEAD_LETTERS_FEED, day, "jsonl", rows, b"".join(waiting))
