"""ReadPubSub: Beam's own Pub/Sub source, for runners that have one, with the archive beside it.

On Dataflow messages are acknowledged when its durable shuffle holds them, so the archive may come after: it is grouped
by topic, hour and shard up to a size or a time. DirectRunner acknowledges as it pulls: it is for trying things.
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
from transforms.sources.pull_pubsub import TopicSubscription

_decode = msgspec.msgpack.Decoder(list[Message]).decode


@dataclass(kw_only=True)
class ReadPubSub(beam.PTransform[Any, beam.PCollection[MessageBatch]]):
    """Read subscriptions through Beam's source, in batches of a bundle, and archive them under `lake`."""

    subscriptions: list[TopicSubscription]
    lake: str
    run_id: str
    batch_messages: int = 1000
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
            | f"Batch {given.topic}" >> beam.ParDo(_BatchFn(given.topic, self.batch_messages))
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
    """Collects a bundle's messages: what comes alone from the source goes on in batches."""

    def __init__(self, topic: str, most: int) -> None:
        self._topic, self._most = topic, most

    def start_bundle(self) -> None:
        self._waiting: list[Message] = []

    def process(self, pulled: PubsubMessage) -> Iterator[MessageBatch]:
        self._waiting.append(native_message(pulled, self._topic))
        if len(self._waiting) >= self._most:
            batch, self._waiting = self._waiting, []
            yield [*batch]

    def finish_bundle(self) -> Iterator[WindowedValue]:
        if self._waiting:
            oldest = min(message.publish_time for message in self._waiting)
            yield WindowedValue([*self._waiting], Timestamp(micros=oldest), [GlobalWindow()])


def native_message(pulled: PubsubMessage, topic: str) -> Message:
    """Turn Beam's message into ours."""
    published = pulled.publish_time
    moment = from_datetime(published) if published is not None else 0
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
