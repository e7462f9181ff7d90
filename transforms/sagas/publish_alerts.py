"""PublishSagaAlerts: alerts and requested compensations of sagas as events on a Pub/Sub topic, for others to act on.

An envelope's id is computed from the saga and the alert (schemas.saga.alert_events), and is an attribute too: if a bundle is
retried or a run publishes a second time, receivers recognise the duplicates.
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
    """Publish alerts and owed compensations of sagas, and output the sagas after that.

    Args:
        topic: full name of the Pub/Sub topic.
        clock: publish times of a batch input; alerts beyond the newest have not happened and are not published.
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
    """Yield the envelopes of everything that happened until then, saga by saga."""
    for saga in sagas:
        for envelope in saga_alert_events(saga):
            if parse_rfc3339(envelope["eventTime"])[0] <= until_us:
                yield envelope


def _newest(times: Any) -> int:
    return max(times, default=0)


def publish_envelopes(
    client: pubsub_v1.PublisherClient, topic: str, wanted: Iterable[dict[str, Any]]
) -> tuple[int, int]:
    """Publish envelopes and wait for the bus; return how many it accepted and how many failed.

    The client retries transient errors for `PUBLISH_SECONDS`. A failure is logged and stops nothing.
    """
    sent = [
        client.publish(
            topic,
            json.dumps(envelope).encode(),
            eventId=envelope["eventId"],
            eventType=envelope["eventType"],
            timeout=PUBLISH_SECONDS,
        )
        for envelope in wanted
    ]
    failed = [error for future in sent if (error := future.exception(PUBLISH_SECONDS)) is not None]
    if failed:
        _LOG.error("%d saga alerts were not published: %s", len(failed), type(failed[0]).__name__)
    return len(sent) - len(failed), len(failed)


class _PublishFn(beam.DoFn):
    """Publishes a list of sagas and counts failures: saga_alerts has the alerts in any case."""

    def __init__(self, topic: str) -> None:
        self._topic = topic

    def setup(self) -> None:
        self._client = pubsub_v1.PublisherClient()  # starts threads, and asks for credentials

    def process(self, sagas: list[Saga], until_us: int) -> Iterator[list[Saga]]:
        published, failed = publish_envelopes(self._client, self._topic, envelopes(sagas, until_us))
        counter("saga_published").inc(published)
        counter("saga_publish_failed").inc(failed)
        yield sagas

    def teardown(self) -> None:
        self._client.stop()
