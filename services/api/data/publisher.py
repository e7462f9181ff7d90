"""Publish accepted events to Pub/Sub: each to the topic of its type, and all confirmed before the caller is told so."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from google.api_core.exceptions import GoogleAPICallError, RetryError
from google.cloud import pubsub_v1
from google.cloud.pubsub_v1.publisher.exceptions import FlowControlLimitError
from google.cloud.pubsub_v1.types import BatchSettings, LimitExceededBehavior, PublisherOptions, PublishFlowControl

from services.api.data.errors import Unavailable

PUBLISH_SECONDS = 10.0
MAX_IN_FLIGHT = 10_000
MAX_IN_FLIGHT_BYTES = 64 << 20
LATENCY_SECONDS = 0.005


class Publisher(Protocol):
    """What `POST /events` needs of the bus."""

    async def publish(self, messages: Sequence[tuple[str, bytes]]) -> list[str]:
        """Publish (topic, data) and return the message ids; Unavailable if one was not confirmed."""

    def close(self) -> None:
        """Send what is buffered and end."""


class PubSubPublisher:
    """Google's client; `PUBSUB_EMULATOR_HOST` is respected.

    Args:
        topics: full topic name by the contract's short name.
    """

    def __init__(self, topics: dict[str, str]) -> None:
        flow = PublishFlowControl(
            message_limit=MAX_IN_FLIGHT,
            byte_limit=MAX_IN_FLIGHT_BYTES,
            limit_exceeded_behavior=LimitExceededBehavior.ERROR,
        )
        self._topics = topics
        self._client = pubsub_v1.PublisherClient(
            batch_settings=BatchSettings(max_latency=LATENCY_SECONDS),
            publisher_options=PublisherOptions(flow_control=flow),
        )

    async def publish(self, messages: Sequence[tuple[str, bytes]]) -> list[str]:
        """Publish and wait for the bus. An event that is sent again has the same id and is counted once."""
        sent = [self._client.publish(self._topics[topic], data, timeout=PUBLISH_SECONDS) for topic, data in messages]
        try:
            async with asyncio.timeout(PUBLISH_SECONDS):
                return list(await asyncio.gather(*(asyncio.wrap_future(future) for future in sent)))
        except (GoogleAPICallError, RetryError, FlowControlLimitError, TimeoutError, OSError):
            raise Unavailable("Pub/Sub did not confirm every event; send the request again with the same ids") from None

    def close(self) -> None:
        """Send what is buffered and end."""
        self._client.stop()


def topic_names(project: str, topics: Sequence[str]) -> dict[str, str]:
    """Return the full names of the contract's topics in a project."""
    return {topic: f"projects/{project}/topics/{topic}-topic" for topic in topics}
