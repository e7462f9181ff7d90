"""PublishSagaAlerts: alerts and requested compensations of sagas as events on a Pub/Sub topic, for others to act on.

An envelope's id is made from the saga and what is said of it (schemas.saga.alert_events): a bundle that is tried again, or a
run that is told to publish a second time, says nothing that a receiver does not recognise. The id is an attribute too.
"""

import json
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam.typehints.decorators import no_annotations
from google.cloud import pubsub_v1

from schemas.saga.alert_events import TOPIC, saga_alert_events
from schemas.saga.reducer import END_OF_INPUT_US, Saga
from schemas.timestamps import parse_rfc3339
from transforms.metrics import counter

_LOG = logging.getLogger(__name__)
PUBLISH_SECONDS = 60.0


@dataclass(kw_only=True)
class PublishSagaAlerts(beam.PTransform[beam.PCollection[list[Saga]], beam.PCollection[list[Saga]]]):
    """Publish what sagas raised and owe, and hand the sagas on once it is said.

    `clock` holds publish times of a bounded input: what lies beyond the newest has not happened yet and is not said.
    """

    topic: str
    clock: beam.PCollection[int] | None = None

    def __post_init__(self) -> None:
        if not TOPIC.fullmatch(self.topic):
            raise ValueError(f"topic must be projects/P/topics/T, got {self.topic!r}")

    @no_annotations
    def expand(self, pcoll: beam.PCollection[list[Saga]]) -> beam.PCollection[list[Saga]]:
        until: Any = END_OF_INPUT_US
        if self.clock is not None:
            until = beam.pvalue.AsSingleton(
                self.clock | "NewestPublishTime" >> beam.CombineGlobally(_newest).without_defaults(), default_value=0
            )
        return pcoll | "Publish" >> beam.ParDo(_PublishFn(self.topic), until)


def envelopes(sagas: list[Saga], until_us: int) -> Iterator[dict[str, Any]]:
    """Yield the envelopes of all that happened by then, saga by saga."""
    for saga in sagas:
        for envelope in saga_alert_events(saga):
            if parse_rfc3339(envelope["eventTime"])[0] <= until_us:
                yield envelope


def _newest(times: Any) -> int:
    return max(times, default=0)


def say(client: pubsub_v1.PublisherClient, topic: str, said: Iterable[dict[str, Any]]) -> tuple[int, int]:
    """Publish envelopes and wait for the bus; return how many it took and how many it refused.

    The client retries what is transient for `PUBLISH_SECONDS`. A refusal is logged and stops nothing.
    """
    sent = [
        client.publish(
            topic,
            json.dumps(envelope).encode(),
            eventId=envelope["eventId"],
            eventType=envelope["eventType"],
            timeout=PUBLISH_SECONDS,
        )
        for envelope in said
    ]
    refused = [error for future in sent if (error := future.exception(PUBLISH_SECONDS)) is not None]
    if refused:
        _LOG.error("%d saga alerts were not published: %s", len(refused), type(refused[0]).__name__)
    return len(sent) - len(refused), len(refused)


class _PublishFn(beam.DoFn):
    """Publishes a batch of sagas; what is refused is counted: the alerts stand in saga_alerts whatever happens."""

    def __init__(self, topic: str) -> None:
        self._topic = topic

    def setup(self) -> None:
        self._client = pubsub_v1.PublisherClient()  # starts threads, and asks for credentials

    def process(self, sagas: list[Saga], until_us: int) -> Iterator[list[Saga]]:
        taken, refused = say(self._client, self._topic, envelopes(sagas, until_us))
        counter("saga_published").inc(taken)
        counter("saga_publish_failed").inc(refused)
        yield sagas

    def teardown(self) -> None:
        self._client.stop()
