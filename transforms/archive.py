"""ArchiveMessages: every message as it came, as Avro by topic and hour of its publish time (contract 5)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import apache_beam as beam
import fastavro
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue

from schemas.message import MESSAGE_AVRO, Message, topic_label
from schemas.times import SECOND_US, to_rfc3339
from transforms.read import MessageBatch
from transforms.sinks.files import FileContent, LakeFile, write_file

HOUR_US = 3600 * SECOND_US
FLUSH_BYTES = 32 << 20
BLOCK_BYTES = 256 << 10
_SCHEMA = fastavro.parse_schema(MESSAGE_AVRO)


def hour_partition(time_us: int) -> str:
    """Return `dt=2026-06-15/hour=12` of an instant."""
    text = to_rfc3339(time_us)
    return f"dt={text[:10]}/hour={text[11:13]}"


def archive_avro(messages: Iterable[Message]) -> bytes:
    """Return messages as one Avro file."""
    file = BytesIO()
    fastavro.writer(file, _SCHEMA, map(archive_record, messages), sync_interval=BLOCK_BYTES)
    return file.getvalue()


def archive_record(message: Message) -> dict[str, Any]:
    """Return a message as a record of the archive."""
    return {
        "topic": message.topic,
        "messageId": message.message_id,
        "publishTime": message.publish_time,
        "attributes": message.attributes,
        "data": message.data,
    }


@dataclass
class ArchiveMessages(beam.PTransform[beam.PCollection[MessageBatch], beam.PCollection[LakeFile]]):
    """Write every message to the archive; lines that are no message have only their dead letter."""

    root: str
    run_id: str

    def __post_init__(self) -> None:
        super().__init__()

    def expand(self, pcoll: beam.PCollection[MessageBatch]) -> beam.PCollection[LakeFile]:
        return pcoll | "Write" >> beam.ParDo(_ArchiveFn(self.root, self.run_id))


class _ArchiveFn(beam.DoFn):
    """Collects messages by topic and hour and writes them when they are many or the bundle ends."""

    def __init__(self, root: str, run_id: str) -> None:
        self._root, self._run_id = root, run_id

    def start_bundle(self) -> None:
        self._waiting: dict[tuple[str, int], list[Message]] = {}
        self._bytes = 0

    def process(self, batch: MessageBatch) -> Iterator[LakeFile]:
        waiting = self._waiting
        for message in batch:
            if type(message) is Message:
                key = (message.topic, message.publish_time // HOUR_US)
                kept = waiting.get(key)
                if kept is None:
                    kept = waiting[key] = []
                kept.append(message)
                self._bytes += len(message.data) + 64
        if self._bytes >= FLUSH_BYTES:
            yield from self._flush()

    def finish_bundle(self) -> Iterator[WindowedValue]:
        for file in self._flush():
            yield WindowedValue(file, GlobalWindow().max_timestamp(), [GlobalWindow()])

    def _flush(self) -> Iterator[LakeFile]:
        for (topic, hour), messages in self._waiting.items():
            feed = f"archive/{topic_label(topic)}"
            data = archive_avro(messages)
            content = FileContent(feed, hour_partition(hour * HOUR_US), "avro", len(messages), data)
            yield write_file(self._root, content, self._run_id)
        self._waiting, self._bytes = {}, 0
