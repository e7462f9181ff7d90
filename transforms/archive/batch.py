"""ArchiveMessages: write every message as it came, as Avro files by topic and hour of the publish time.

The schema is that of Pub/Sub's Cloud Storage subscriptions (docs/data-contract.md#archive), with the topic as the subscription's
name; an entry in the header tells our files from Pub/Sub's.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue

from schemas.message import Message, topic_label
from schemas.message_records import MESSAGE_AVRO, WRITER, WRITER_KEY
from transforms.message_batch import MessageBatch
from transforms.sinks.files.avro_blocks import (
    Block,
    deflate,
    encode_bytes,
    encode_longs,
    encode_maps,
    encode_texts,
    file_header,
    file_pieces,
    join_records,
)
from transforms.sinks.files.files import FileContent, LakeFile, stage_file
from transforms.sinks.files.partitions import HOUR_US, hour_partition

FLUSH_BYTES = 16 << 20
BLOCK_BYTES = 1 << 20
"""Payload bytes of a block before compression; a message that has more is a block by itself."""
ARCHIVE_HEADER = file_header(MESSAGE_AVRO, codec="deflate", metadata={WRITER_KEY: WRITER})


def archive_avro(messages: Sequence[Message]) -> bytes:
    """Return messages as one Avro file."""
    return b"".join(file_pieces(ARCHIVE_HEADER, archive_blocks(messages)))


def archive_blocks(messages: Sequence[Message]) -> Iterator[Block]:
    """Encode messages in deflated blocks of about `BLOCK_BYTES`, for a reader holds a block at a time."""
    start = size = 0
    for end, message in enumerate(messages, 1):
        size += len(message.data)
        if size >= BLOCK_BYTES or end == len(messages):
            yield end - start, deflate(_records(messages[start:end]))
            start, size = end, 0


def _records(messages: Sequence[Message]) -> memoryview:
    """Encode messages as records: the fields of MESSAGE_AVRO, in its order."""
    return join_records(
        [
            encode_texts([message.topic for message in messages]),
            encode_texts([message.message_id for message in messages]),
            [encode_longs(np.array([message.publish_time for message in messages], np.int64))],
            encode_maps([message.attributes for message in messages]),
            encode_bytes(pa.array([message.data for message in messages], pa.binary())),
        ]
    )


def archive_record(message: Message) -> dict[str, Any]:
    """Return a message as a record of the archive."""
    return {
        "subscription_name": message.topic,
        "message_id": message.message_id,
        "publish_time": message.publish_time,
        "attributes": message.attributes,
        "data": message.data,
    }


@dataclass(kw_only=True)
class ArchiveMessages(beam.PTransform[beam.PCollection[MessageBatch], beam.PCollection[LakeFile]]):
    """Write every message to the archive; lines that are no message have only their dead letter."""

    root: str
    run_id: str

    def expand(self, pcoll: beam.PCollection[MessageBatch]) -> beam.PCollection[LakeFile]:
        return pcoll | "Write" >> beam.ParDo(_ArchiveFn(self.root, self.run_id))


def _by_topic_and_hour(messages: list[Message]) -> dict[tuple[str, int], list[Message]]:
    """Group messages by folder: the topics that are not known have one, however many they are."""
    keys = {(topic_label(message.topic), message.publish_time // HOUR_US) for message in messages}
    if len(keys) == 1:  # the usual batch
        return {keys.pop(): messages}
    found: dict[tuple[str, int], list[Message]] = {key: [] for key in keys}
    for message in messages:
        found[topic_label(message.topic), message.publish_time // HOUR_US].append(message)
    return found


class _ArchiveFn(beam.DoFn):
    """Collects messages by topic and hour, encoded, and writes them when they are many or the bundle ends."""

    def __init__(self, root: str, run_id: str) -> None:
        self._root, self._run_id = root, run_id

    def start_bundle(self) -> None:
        self._waiting: dict[tuple[str, int], list[Block]] = {}
        self._bytes = 0

    def process(self, batch: MessageBatch) -> Iterator[LakeFile]:
        for key, messages in _by_topic_and_hour([message for message in batch if type(message) is Message]).items():
            blocks = list(archive_blocks(messages))
            self._waiting.setdefault(key, []).extend(blocks)
            self._bytes += sum(len(records) for _, records in blocks)
        if self._bytes >= FLUSH_BYTES:
            yield from self._flush()

    def finish_bundle(self) -> Iterator[WindowedValue]:
        for file in self._flush():
            yield WindowedValue(file, GlobalWindow().max_timestamp(), [GlobalWindow()])

    def _flush(self) -> Iterator[LakeFile]:
        for (topic, hour), blocks in self._waiting.items():
            feed = f"archive/{topic}"
            rows = sum(count for count, _ in blocks)
            content = FileContent(
                feed, hour_partition(hour * HOUR_US), "avro", rows, file_pieces(ARCHIVE_HEADER, blocks)
            )
            yield stage_file(self._root, content, self._run_id)
        self._waiting, self._bytes = {}, 0
