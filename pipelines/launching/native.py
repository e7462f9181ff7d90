"""ReadPubSub: Beam's native Pub/Sub source, in batches. The runner acknowledges what it has made durable."""

from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam.io.gcp.pubsub import PubsubMessage, ReadFromPubSub

from schemas.message import Message
from schemas.times import from_datetime
from transforms.pubsub import Feed
from transforms.read import MessageBatch

MOST_MESSAGES = 1000


@dataclass
class ReadPubSub(beam.PTransform[Any, beam.PCollection[MessageBatch]]):
    """Read subscriptions; a message's element time is its publish time."""

    feeds: list[Feed]

    def __post_init__(self) -> None:
        super().__init__()
        if not self.feeds:
            raise ValueError("feeds must name at least one subscription")

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection[MessageBatch]:
        topics = tuple(
            pbegin
            | f"Read_{feed.topic}" >> ReadFromPubSub(subscription=feed.subscription, with_attributes=True)
            | f"Messages_{feed.topic}" >> beam.Map(to_message, feed.topic)
            for feed in self.feeds
        )
        batches: beam.PCollection[MessageBatch] = (
            topics
            | "AllTopics" >> beam.Flatten()
            | "Batch" >> beam.BatchElements(1, MOST_MESSAGES).with_output_types(MessageBatch)
        )
        return batches


def to_message(received: PubsubMessage, topic: str) -> Message:
    """Return what the bus delivered as the contract's message."""
    published = from_datetime(received.publish_time)
    return Message(topic, received.message_id, published, dict(received.attributes or {}), received.data)
