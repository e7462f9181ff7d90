"""ReadMessages: from planned file ranges to batches of messages.

The element is a batch, not a line (docs/decisions/0001-batches-and-wide-columns.md).
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

import apache_beam as beam
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.timestamp import MIN_TIMESTAMP
from apache_beam.utils.windowed_value import WindowedValue

from schemas.message import Message, NotAMessage
from schemas.message_forms import ValueParser
from transforms.archive.integrity import check_file
from transforms.message_batch import MessageBatch
from transforms.sources.damaged_input import DamagedInput
from transforms.sources.file_ranges import FileRange
from transforms.sources.open_input import open_inflated, open_raw
from transforms.sources.read_avro import read_avro
from transforms.sources.read_lines import CHUNK_BYTES, MAX_LINE_BYTES, Line, LongLine, read_lines
from transforms.sources.read_progress import PROGRESS
from transforms.sources.read_values import read_values

BATCH_MESSAGES = 4096
BATCH_BYTES = 16 << 20
"""The most messages and bytes of a batch. The work of each step per batch is a tenth of a run's CPU in batches
of 1,024, and memory is bounded by the bytes: a message may have a mebibyte."""
ENTRY_BYTES = 150
"""What an attribute takes in memory besides its text."""
MAX_ATTRIBUTES = 1000
"""Pub/Sub takes 100 attributes per message."""
TOO_MANY = f"the message has more than {MAX_ATTRIBUTES:,} attributes"
TOO_LONG = f"the line is longer than {MAX_LINE_BYTES >> 20} MiB"


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
    """Group messages into lists of at most `size` that end with the message that fills `most_bytes`."""
    batch, held = list[Message | NotAMessage](), 0
    for message in messages:
        batch.append(message)
        held += len(message.data)
        if isinstance(message, Message) and message.attributes:
            held += sum(ENTRY_BYTES + len(key) + len(value) for key, value in message.attributes.items())
        if len(batch) == size or held >= most_bytes:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


def read_range(part: FileRange, as_of: int, *, own_topic: bool = True) -> Iterator[Message | NotAMessage]:
    """Read the messages of one range of a file on any of Beam's file systems.

    Args:
        part: the range.
        as_of: the publish time of messages that have none, UTC microseconds.
        own_topic: whether a plain event's type decides over the topic of the file.

    Raises:
        DamagedInput: the file cannot be read to its end.
    """
    for _, messages in read_numbered(part, as_of, own_topic=own_topic):
        yield from messages


def read_numbered(
    part: FileRange, as_of: int, *, own_topic: bool = True
) -> Iterator[tuple[int, list[Message | NotAMessage]]]:
    """Yield the messages of one range in lists, each with the number of the line, value or record where it begins.

    Lines are numbered from the range's beginning, from 1.
    """
    if part.sha256 and (reason := check_file(part.path, part.end, part.sha256)):
        raise DamagedInput(part.path, reason)
    if part.form == "avro":
        with open_raw(part.path) as file:
            messages = read_avro(file, part.topic, path=part.path, as_of=as_of)
            yield from ((number, [_bounded(message)]) for number, message in enumerate(messages, 1))
        return
    name = f"{part.path.rsplit('/', 1)[-1]}:{part.start}"
    parser = ValueParser(part.form, part.default, part.topic, as_of, name, own_topic=own_topic)
    with open_inflated(part.path, part.end) if part.whole else open_raw(part.path) as file:
        if part.values:
            for value in read_values(iter(partial(file.read, CHUNK_BYTES), b"")):
                yield value.line, _parse(parser, value.text, part.topic)
            return
        number = 1
        for lines in read_lines(file, part.start, None if part.whole else part.end):
            for line in lines:
                if line:
                    yield number, _parse(parser, line, part.topic)
                number += 1


def _parse(parser: ValueParser, value: Line, topic: str) -> list[Message | NotAMessage]:
    if isinstance(value, LongLine):
        return [NotAMessage(topic, value.head, "", TOO_LONG, value.size, value.sha256)]
    return list(map(_bounded, parser.parse(value)))


def _bounded(message: Message | NotAMessage) -> Message | NotAMessage:
    """Return a message, or what is none because it has too many attributes."""
    if isinstance(message, Message) and len(message.attributes) > MAX_ATTRIBUTES:
        return NotAMessage(message.topic, message.data, "attributes", TOO_MANY)
    return message


def decode_attributes(text: str | None) -> dict[str, str]:
    """Return the attributes that a wide batch holds as JSON text."""
    return dict(json.loads(text)) if text else {}
