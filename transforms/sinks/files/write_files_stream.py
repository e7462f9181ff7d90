"""Files of a live run: feeds and dead letters, gathered by partition up to a size or time, manifest after file."""

from collections.abc import Iterator
from dataclasses import dataclass

import apache_beam as beam
import pyarrow as pa

from schemas.event import DeadLetter
from transforms.buffer_until import Gather, Gathered, Part
from transforms.event_batch import EventBatch, wide_schema
from transforms.sinks.dead_letter_rows import dead_letter_line, failed_day
from transforms.sinks.files.dead_letter_files import COMPRESSIONS, lines_content
from transforms.sinks.files.feed import Feed
from transforms.sinks.files.files import FileContent, LakeFile, stage_file
from transforms.sinks.files.live_manifests import add_to_manifests
from transforms.sinks.files.write_files import DEAD_LETTERS_FEED
from transforms.table_rows import Run

FLUSH_SECONDS = 60.0
FLUSH_BYTES = 32 << 20


@dataclass(kw_only=True)
class WriteFeedStream(beam.PTransform[beam.PCollection[EventBatch], beam.PCollection[LakeFile]]):
    """Write the rows of a feed, by hour of the event time."""

    feed: Feed
    root: str
    run_id: str
    flush_seconds: float = FLUSH_SECONDS
    flush_bytes: int = FLUSH_BYTES

    def expand(self, pcoll: beam.PCollection[EventBatch]) -> beam.PCollection[LakeFile]:
        return (
            pcoll
            | "ByHour" >> beam.ParDo(_feed_parts, self.feed).with_output_types(tuple[str, Part])
            | "Gather" >> Gather(seconds=self.flush_seconds, most_bytes=self.flush_bytes)
            | "Write" >> beam.Map(_write_feed, self.feed, self.root, self.run_id)
        )


@dataclass(kw_only=True)
class WriteDeadLettersStream(beam.PTransform[beam.PCollection[list[DeadLetter]], beam.PCollection[LakeFile]]):
    """Write dead letters as JSON lines, by day of their failure."""

    root: str
    run: Run
    compression: str = COMPRESSIONS[0]
    flush_seconds: float = FLUSH_SECONDS
    flush_bytes: int = FLUSH_BYTES

    def expand(self, pcoll: beam.PCollection[list[DeadLetter]]) -> beam.PCollection[LakeFile]:
        return (
            pcoll
            | "Lines" >> beam.ParDo(_dead_letter_parts, self.run).with_output_types(tuple[str, Part])
            | "Gather" >> Gather(seconds=self.flush_seconds, most_bytes=self.flush_bytes)
            | "Write" >> beam.Map(_write_dead_letters, self.root, self.run.run_id, self.compression)
        )


def _feed_parts(batch: EventBatch, feed: Feed) -> Iterator[tuple[str, Part]]:
    for partition, rows in feed.parts(batch):
        yield partition, Part(rows.num_rows, rows.serialize().to_pybytes())


def _write_feed(gathered: Gathered, feed: Feed, root: str, run_id: str) -> LakeFile:
    partition, parts = gathered
    schema = wide_schema(feed.table)
    rows = pa.concat_batches([pa.ipc.read_record_batch(pa.py_buffer(part.data), schema) for part in parts])
    return _write(root, feed.content(partition, rows), run_id)


def _dead_letter_parts(dead_letters: list[DeadLetter], run: Run) -> Iterator[tuple[str, Part]]:
    days: dict[str, list[bytes]] = {}
    for dead_letter in dead_letters:
        days.setdefault(failed_day(dead_letter, run), []).append(dead_letter_line(dead_letter, run))
    for day, lines in days.items():
        yield day, Part(len(lines), b"".join(lines))


def _write_dead_letters(gathered: Gathered, root: str, run_id: str, compression: str) -> LakeFile:
    day, parts = gathered
    rows, data = sum(part.rows for part in parts), b"".join(part.data for part in parts)
    return _write(root, lines_content(DEAD_LETTERS_FEED, day, rows, data, compression), run_id)


def _write(root: str, content: FileContent, run_id: str) -> LakeFile:
    done = stage_file(root, content, run_id)
    add_to_manifests(root, [done], run_id)
    return done
