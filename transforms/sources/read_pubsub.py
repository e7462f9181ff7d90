"""ReadPubSub: Beam's own Pub/Sub source, for runners that have one, and an archive of what it reads.

Dataflow acknowledges messages when its durable shuffle holds them, so the archive may come later: it is grouped by
topic, hour and shard up to a size or a time. DirectRunner acknowledges as it pulls and is for trials only.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import apache_beam as beam
import msgspec
from apache_beam.io.gcp.pubsub import PubsubMessage
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.timestamp import Timestamp
from apache_beam.utils.windowed_value import WindowedValue

from schemas.message import Message, topic_label
from schemas.timestamps import from_datetime
from transforms.archive.batch import archive_avro
from transforms.buffer_until import Gather, Gathered, Part
from transforms.message_batch import MessageBatch
from transforms.sinks.files.files import FileContent, LakeFile, write_file
from transforms.sinks.files.live_manifests import add_to_manifests
from transforms.sinks.files.partitions import HOUR_US, hour_partition
from transforms.sources.pulled_topics import TopicSubscription

_decode = msgspec.msgpack.Decoder(list[Message]).decode


@dataclass(kw_only=True)
class ReadPubSub(beam.PTransform[Any, beam.PCollection[MessageBatch]]):
    """Read subscriptions through Beam's source in message batches, and archive them.

    Args:
        subscriptions: what to read; one per topic.
        lake: root of the files, where the archive is written.
        run_id: name of the run.
        batch_messages: messages per message batch, at most those of one bundle.
        batch_bytes: bytes per message batch; a message larger than this is a batch of its own.
        flush_seconds: an archive file is written after so many seconds of publish time.
        flush_bytes: or after so many bytes.
        shards: archive files that are filled at once per topic and hour.
    """

    subscriptions: list[TopicSubscription]
    lake: str
    run_id: str
    batch_messages: int = 1000
    batch_bytes: int = 4 << 20
    flush_seconds: float = 60.0
    flush_bytes: int = 32 << 20
    shards: int = 1

    def __post_init__(self) -> None:
        if not self.subscriptions:
            raise ValueError("subscriptions must name at least one")
        if self.shards < 1:
            raise ValueError(f"shards must be at least 1, got {self.shards}")

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection[MessageBatch]:
        batches = [
            pbegin
            | f"Read {given.topic}" >> beam.io.ReadFromPubSub(subscription=given.subscription, with_attributes=True)
            | f"Batch {given.topic}" >> beam.ParDo(_BatchFn(given.topic, self.batch_messages, self.batch_bytes))
            for given in self.subscriptions
        ]
        messages = batches | "AllTopics" >> beam.Flatten()
        _ = (
            messages
            | "ByHour" >> beam.ParDo(_parts, self.shards).with_output_types(tuple[str, Part])
            | "Gather" >> Gather(seconds=self.flush_seconds, most_bytes=self.flush_bytes)
            | "WriteArchive" >> beam.Map(_write, self.lake, self.run_id)
        )
        return messages


class _BatchFn(beam.DoFn):
    """Collects a bundle's messages into batches, bounded by count and by bytes: the source emits single messages."""

    def __init__(self, topic: str, most_messages: int, most_bytes: int) -> None:
        self._topic, self._most_messages, self._most_bytes = topic, most_messages, most_bytes

    def start_bundle(self) -> None:
        self._waiting: list[Message] = []
        self._bytes = 0

    def process(self, pulled: PubsubMessage, timestamp: Timestamp = beam.DoFn.TimestampParam) -> Iterator[MessageBatch]:
        message = native_message(pulled, self._topic, timestamp.micros)
        size = message_size(message)
        if self._waiting and self._bytes + size > self._most_bytes:
            yield self._batch()
        self._waiting.append(message)
        self._bytes += size
        if len(self._waiting) >= self._most_messages or self._bytes >= self._most_bytes:
            yield self._batch()

    def _batch(self) -> MessageBatch:
        batch, self._waiting, self._bytes = self._waiting, [], 0
        return [*batch]

    def finish_bundle(self) -> Iterator[WindowedValue]:
        if self._waiting:
            oldest = min(message.publish_time for message in self._waiting)
            yield WindowedValue([*self._waiting], Timestamp(micros=oldest), [GlobalWindow()])


def message_size(message: Message) -> int:
    """Return about what a message takes, bytes: its data and attributes."""
    return len(message.data) + sum(len(key) + len(value) for key, value in message.attributes.items())


def native_message(pulled: PubsubMessage, topic: str, element_us: int) -> Message:
    """Return Beam's message as a message of a topic.

    A runner that does not deliver the publish time puts it into the element's timestamp, which is used then.

    Args:
        pulled: the message that Beam read.
        topic: short name of its topic.
        element_us: the timestamp of its element, UTC microseconds.
    """
    published = pulled.publish_time
    moment = from_datetime(published) if published is not None else element_us
    return Message(topic, pulled.message_id or "", moment, dict(pulled.attributes or {}), pulled.data or b"")


def _parts(batch: MessageBatch, shards: int) -> Iterator[tuple[str, Part]]:
    groups: dict[str, list[Message]] = {}
    for message in batch:
        assert isinstance(message, Message)
        shard = crc32(message.message_id.encode()) % shards
        partition = hour_partition(message.publish_time // HOUR_US * HOUR_US)
        groups.setdefault(f"{topic_label(message.topic)}|{partition}|{shard}", []).append(message)
    for key, messages in groups.items():
        yield key, Part(len(messages), msgspec.msgpack.encode(messages))


def _write(gathered: Gathered, lake: str, run_id: str) -> LakeFile:
    key, parts = gathered
    topic, partition, _ = key.split("|")
    messages = [message for part in parts for message in _decode(part.data)]
    content = FileContent(f"archive/{topic}", partition, "avro", len(messages), archive_avro(messages))
    done = write_file(lake, content, run_id)
    add_to_manifests(lake, [done], run_id)
    return done
