"""PublishSagaAlerts: alerts and requested compensations of sagas as events on a Pub/Sub topic, for others to act on.

An envelope's id is made from the saga and what is said of it (schemas.saga_alerts): a bundle that is tried again, or a
run that is told to publish a second time, says nothing that a receiver does not recognise. The id is an attribute too.
"""

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam.typehints.decorators import no_annotations
from google.cloud import pubsub_v1

from schemas.saga import END_OF_INPUT_US, Saga
from schemas.saga_alerts import TOPIC, saga_alert_events
from schemas.times import parse_rfc3339
from transforms.metrics import counter

_LOG = logging.getLogger(__name__)
PUBLISH_SECONDS = 60.0


@dataclass
class PublishSagaAlerts(beam.PTransform[beam.PCollection[list[Saga]], beam.PCollection[int]]):
    """Publish what sagas raised and owe, and hand out how many events a batch of sagas gave.

    `clock` holds publish times of a bounded input: what lies beyond the newest has not happened yet and is not said.
    """

    topic: str
    clock: beam.PCollection[int] | None = None

    def __post_init__(self) -> None:
        super().__init__()
        if not TOPIC.fullmatch(self.topic):
            raise ValueError(f"topic must be projects/P/topics/T, got {self.topic!r}")

    @no_annotations
    def expand(self, pcoll: beam.PCollection[list[Saga]]) -> beam.PCollection[int]:
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


class _PublishFn(beam.DoFn):
    """Publishes a batch of sagas and waits for the bus; the client retries what is transient for `PUBLISH_SECONDS`.

    What the bus refuses is counted and logged, and stops nothing: the alerts stand in saga_alerts whatever happens.
    """

    def __init__(self, topic: str) -> None:
        self._topic = topic

    def setup(self) -> None:
        self._client = pubsub_v1.PublisherClient()  # starts threads, and asks for credentials

    def process(self, sagas: list[Saga], until_us: int) -> Iterator[int]:
        sent = [
            self._client.publish(
                self._topic,
                json.dumps(envelope).encode(),
                eventId=envelope["eventId"],
                eventType=envelope["eventType"],
                timeout=PUBLISH_SECONDS,
            )
            for envelope in envelopes(sagas, until_us)
        ]
        refused = [error for future in sent if (error := future.exception(PUBLISH_SECONDS)) is not None]
        counter("saga_published").inc(len(sent) - len(refused))
        if refused:
            counter("saga_publish_failed").inc(len(refused))
            _LOG.error("%d saga alerts were not published: %s", len(refused), type(refused[0]).__name__)
        yield len(sent) - len(refused)

    def teardown(self) -> None:
        self._client.stop()
