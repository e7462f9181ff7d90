"""ReadMessages: from planned file ranges to batches of messages.

The element is a batch, not a line (docs/decisions/0001-batches-and-wide-columns.md).
"""

import gzip
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate, chain, islice
from typing import Any, BinaryIO

import apache_beam as beam
import fastavro
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.timestamp import MIN_TIMESTAMP
from apache_beam.utils.windowed_value import WindowedValue

from schemas.message import MESSAGE_AVRO, Message, NotAMessage, from_record, parse_line
from transforms.message_batch import MessageBatch
from transforms.sources.file_ranges import FileRange
from transforms.sources.read_progress import PROGRESS

BATCH_MESSAGES = 4096
BATCH_BYTES = 16 << 20
"""A batch ends where it has so many messages or bytes. What each step does once a batch is a tenth of a run's CPU in batches
of 1,024, and memory is bounded by the bytes: a message may have a mebibyte."""
_PIECE = 64
CHUNK_BYTES = 1 << 20
MAX_LINE_BYTES = 64 << 20
"""A line over this is cut there and is no message: a file without line ends must not fill the memory."""

# publishTime as the plain number of microseconds that it is: a datetime would be made, and taken apart again
_ARCHIVE_SCHEMA = fastavro.parse_schema(
    {
        **MESSAGE_AVRO,
        "fields": [
            {"name": field["name"], "type": "long"} if field["name"] == "publishTime" else field
            for field in MESSAGE_AVRO["fields"]
        ],
    }
)


@dataclass(kw_only=True)
class ReadMessages(beam.PTransform[Any, beam.PCollection[MessageBatch]]):
    """Read planned ranges. `as_of` (UTC microseconds) is the publish time of plain events."""

    ranges: list[FileRange]
    as_of: int

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection[MessageBatch]:
        return (
            pbegin
            | "Ranges" >> beam.Create(self.ranges, reshuffle=False)
            | "Share" >> beam.Reshuffle()
            | "Read" >> beam.ParDo(_ReadFn(self.as_of))
        )


class _ReadFn(beam.DoFn):
    """Reads ranges. A batch goes over the ends of ranges: an archive of many hours has files of a few messages."""

    def __init__(self, as_of: int) -> None:
        self._as_of = as_of

    def start_bundle(self) -> None:
        self._rest: MessageBatch = []

    def process(self, part: FileRange) -> Iterator[MessageBatch]:
        before, done = len(self._rest), 0
        rest, self._rest = self._rest, []
        for batch in batches(chain(rest, read_range(part, self._as_of))):
            size = min(_size(batch[before:]), part.end - part.start - done)
            done += size
            PROGRESS.add(size, len(batch) - before)
            before = 0
            if self._rest:
                yield self._rest
            self._rest = batch  # the last of a range may take more, from the next
        PROGRESS.add(part.end - part.start - done, 0)

    def finish_bundle(self) -> Iterator[WindowedValue]:
        if self._rest:
            yield WindowedValue(self._rest, MIN_TIMESTAMP, [GlobalWindow()])


def _size(batch: MessageBatch) -> int:
    """Estimate the bytes that a batch takes in its file, by every sixteenth message."""
    some = batch[::16]
    return sum(len(message.data) * 4 // 3 + 120 for message in some) * len(batch) // max(1, len(some))


def batches(
    messages: Iterable[Message | NotAMessage], size: int = BATCH_MESSAGES, most_bytes: int = BATCH_BYTES
) -> Iterator[MessageBatch]:
    """Group messages into lists of at most `size`; a list that has `most_bytes` ends, give or take a piece of it."""
    rest, batch, held = iter(messages), list[Message | NotAMessage](), 0
    while piece := list(islice(rest, min(_PIECE, size - len(batch)))):
        batch += piece
        held += sum([len(message.data) for message in piece])
        if len(batch) == size or held >= most_bytes:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


def read_range(part: FileRange, as_of: int) -> Iterator[Message | NotAMessage]:
    """Read the messages of one range of a file on any of Beam's file systems."""
    with FileSystems.open(part.path, compression_type=CompressionTypes.UNCOMPRESSED) as raw:
        if part.form == "avro":
            yield from read_avro(raw, part.topic)
            return
        parse = line_parser(part.form, part.topic, as_of, part.path, part.start)
        if part.whole:
            with gzip.open(raw, "rb") as lines:
                yield from chain.from_iterable(map(parse, _lines(lines, 0, None)))
        else:
            yield from chain.from_iterable(map(parse, _lines(raw, part.start, part.end)))


def read_avro(file: Any, topic: str) -> Iterator[Message | NotAMessage]:
    """Read the messages of one file of the archive."""
    for record in fastavro.reader(file, reader_schema=_ARCHIVE_SCHEMA):
        yield from_record(record, topic)


def line_parser(
    form: str, topic: str, as_of: int, path: str, start: int
) -> Callable[[list[bytes]], list[Message | NotAMessage]]:
    """Return what turns lines into messages: parsed, or wrapped where lines are plain events.

    A plain event's message id is made of its file, range and line, so that a second run gives the same.
    """
    if form == "messages":
        return lambda lines: [parse_line(line, topic) for line in lines]
    name = path.rsplit("/", 1)[-1]
    count = iter(range(1 << 62))
    return lambda lines: [Message(topic, f"{name}:{start}:{next(count):08d}", as_of, {}, line) for line in lines]


def _lines(file: BinaryIO, start: int, end: int | None) -> Iterator[list[bytes]]:
    """Yield the lines that start in [start, end), without their ends and but for empty ones; the last one may run
    past `end`. They come in lists, a read's lines each.

    The byte before `start` belongs to this range's look: only a line end there makes `start` a line's first byte.
    """
    position = start
    rest = b""
    if start:
        file.seek(start - 1)
        position = start - 1
    skip = start > 0
    while chunk := file.read(CHUNK_BYTES):
        whole = rest + chunk
        lines = whole.split(b"\n")
        rest = lines.pop()
        if lines and skip:
            position += len(lines.pop(0)) + 1
            skip = False
        after = position + sum(map(len, lines)) + len(lines)
        if end is not None and after > end:
            starts = accumulate(lines, lambda at, line: at + len(line) + 1, initial=position)
            lines = [line for at, line in zip(starts, lines, strict=False) if at < end]
        yield _ended(lines, b"\r" in whole)
        position = after
        if end is not None and position >= end:
            return
        if len(rest) > MAX_LINE_BYTES and not skip:
            yield [rest[:MAX_LINE_BYTES]]
            rest = b""
    if rest and not skip and (end is None or position < end):
        yield _ended([rest], True)


def _ended(lines: list[bytes], returns: bool) -> list[bytes]:
    """Take out empty lines, and with `returns` the carriage returns at the ends."""
    return list(filter(None, (line.removesuffix(b"\r") for line in lines) if returns else lines))


def first_line(path: str) -> bytes:
    """Return the first line of a file, inflated if need be: enough to see which form the file has."""
    with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as raw:
        if path.endswith(".gz"):
            with gzip.open(raw, "rb") as lines:
                return bytes(lines.read(65536)).lstrip().split(b"\n", 1)[0]
        return bytes(raw.read(65536)).lstrip().split(b"\n", 1)[0]


def decode_attributes(text: str | None) -> dict[str, str]:
    """Return the attributes that a wide batch holds as JSON text."""
    return dict(json.loads(text)) if text else {}
