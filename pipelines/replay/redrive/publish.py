"""Publish repaired messages to their Pub/Sub topics."""

from collections.abc import Sequence
from concurrent.futures import wait

from google.cloud import pubsub_v1

from pipelines.errors import RunFailed
from schemas.message import Message

PUBLISH_SECONDS = 60.0


def publish(messages: Sequence[Message], project: str) -> None:
    """Publish messages to the topics <topic>-topic of a project.

    Raises:
        RunFailed: a message was not published in time; no message may be recorded as sent then.
    """
    client = pubsub_v1.PublisherClient()
    futures = [
        client.publish(client.topic_path(project, f"{message.topic}-topic"), message.data, **message.attributes)
        for message in messages
    ]
    done, late = wait(futures, timeout=PUBLISH_SECONDS)
    failed = len(late) + sum(future.exception() is not None for future in done)
    if failed:
        raise RunFailed(
            f"{failed:,} of {len(futures):,} messages were not published; run again: an event that arrives twice is a"
            " duplicate"
        )
