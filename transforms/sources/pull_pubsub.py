"""PullPubSub: Pub/Sub messages in batches, for runners without a Pub/Sub source: a splittable DoFn.

Nothing is lost on runners whose shuffle is memory: the splittable DoFn writes the archive within its own bundle, and
acknowledges in the bundle's finalizer, when the runner has committed the bundle (docs/decisions/0004).

All subscriptions are one element: a bundle takes a batch of each, and every later step is called once per bundle
instead of once per topic. A bundle costs 3 to 5 ms whatever it holds (docs/decisions/0004).
"""

import os
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam.io.watermark_estimators import ManualWatermarkEstimator
from apache_beam.transforms.window import TimestampedValue
from apache_beam.utils.timestamp import Duration, Timestamp

from schemas.message import TOPICS, Message
from transforms.clock import wall_us
from transforms.in_flight import InFlight
from transforms.message_batch import MessageBatch
from transforms.sources.polling_restriction import END, PollingRestriction
from transforms.sources.pulled_topics import PulledTopic, TopicSubscription, pulled_topic, pulled_topics

IDLE_AFTER_SECONDS = 1.0
"""After this long without messages a topic is idle; its watermark then follows the clock."""
WATERMARK_SLACK_US = 1_000_000
"""How far the watermark of an idle topic stays behind the clock, for messages on their way."""


@dataclass(kw_only=True)
class PullPubSub(beam.PTransform[Any, beam.PCollection[MessageBatch]]):
    """Pull subscriptions on a portable runner.

    Args:
        subscriptions: what to read; one per topic.
        lake: root of the files, where the archive is written.
        run_id: name of the run.
        stop_file: the source ends when this file appears.
        batch_messages: messages per message batch.
        batch_bytes: bytes per message batch; a message larger than this is a batch of its own.
        linger_seconds: pause between two polls while no topic has more than a batch.
        max_messages: end after so many messages; 0: never.
        stop_after_idle_seconds: end after so many seconds in which every subscription answered and none had a
            message; 0: never.
        max_in_flight: take no more while so many messages are between source and tables.
        max_in_flight_bytes: the same in bytes.
    """

    subscriptions: list[TopicSubscription]
    lake: str
    run_id: str
    stop_file: str
    batch_messages: int = 1000
    batch_bytes: int = 4 << 20
    linger_seconds: float = 0.25
    max_messages: int = 0
    stop_after_idle_seconds: float = 0.0
    max_in_flight: int = 20_000
    max_in_flight_bytes: int = 64 << 20

    def __post_init__(self) -> None:
        if not self.subscriptions:
            raise ValueError("subscriptions must name at least one")
        for given in self.subscriptions:
            if given.topic not in TOPICS:
                raise ValueError(f"subscriptions: topic {given.topic!r} is not one of {', '.join(TOPICS)}")
        for name in ("batch_messages", "batch_bytes", "max_in_flight", "max_in_flight_bytes"):
            if (value := getattr(self, name)) < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection[MessageBatch]:
        return (
            pbegin
            | "Subscriptions" >> beam.Create([tuple(self.subscriptions)], reshuffle=False)
            | "Pull" >> beam.ParDo(_PullFn(self)).with_output_types(MessageBatch)
        )


_TRACKER = beam.DoFn.RestrictionParam(PollingRestriction())
_WATERMARK = beam.DoFn.WatermarkEstimatorParam(ManualWatermarkEstimator.default_provider())


class _PullFn(beam.DoFn):
    def __init__(self, spec: PullPubSub) -> None:
        self._spec, self._in_flight = spec, InFlight(spec.run_id)

    def start_bundle(self) -> None:
        self._kept: list[Future[None]] = []

    @beam.DoFn.unbounded_per_element()
    def process(
        self,
        subscriptions: tuple[TopicSubscription, ...],
        finalizer: Any = beam.DoFn.BundleFinalizerParam,
        tracker: Any = _TRACKER,
        watermark: Any = _WATERMARK,
    ) -> Iterator[TimestampedValue]:
        if not tracker.try_claim(tracker.current_restriction().start):
            return
        finalizer.register(_nothing)  # Prism finalizes every bundle of this step, and the SDK raises where none is set
        topics = [topic for topic in map(self._topic, subscriptions) if not topic.ended]
        for topic in topics:
            yield from self._poll(topic, finalizer)
        _advance(watermark, min((topic.reached for topic in topics), default=0))
        for topic in [topic for topic in topics if self._is_over(topic)]:  # all are stopped before one is waited for
            topic.finish()
        if all(topic.ended for topic in topics):
            tracker.try_claim(END)
            return
        more = any(topic.subscription.waiting() for topic in topics) and not self._held_back()
        tracker.defer_remainder(Duration(0 if more else self._spec.linger_seconds))

    def _poll(self, topic: PulledTopic, finalizer: Any) -> Iterator[TimestampedValue]:
        """Take what a subscription has, at most one batch."""
        subscription = topic.subscription
        if subscription.failure is not None:
            raise RuntimeError(subscription.failure)
        received = [] if self._held_back() else subscription.take(self._most(), self._spec.batch_bytes)
        if received:
            topic.taken += len(received)
            messages = [delivery.message for delivery in received]
            oldest = min(message.publish_time for message in messages)
            self._in_flight.add(len(received), sum(delivery.size for delivery in received), oldest)
            topic.reached = max(topic.reached, oldest)
            self._keep(finalizer, topic, messages, [delivery.ack_id for delivery in received])
            yield TimestampedValue(messages, Timestamp(micros=oldest))
        elif subscription.idle_seconds() > IDLE_AFTER_SECONDS:
            topic.reached = max(topic.reached, wall_us() - WATERMARK_SLACK_US)

    def _held_back(self) -> bool:
        spec, flow = self._spec, self._in_flight
        return flow.messages() >= spec.max_in_flight or flow.bytes() >= spec.max_in_flight_bytes

    def _keep(self, finalizer: Any, topic: PulledTopic, messages: list[Message], ack_ids: list[str]) -> None:
        """Archive before the bundle ends; acknowledge after the runner has committed it. Never the other way round.

        The disk works while the bundle's messages are decoded.
        """
        self._kept.append(topic.keep(messages))
        finalizer.register(lambda: topic.subscription.ack(ack_ids))

    def finish_bundle(self) -> None:
        for kept in self._kept:
            kept.result()

    def _topic(self, given: TopicSubscription) -> PulledTopic:
        return pulled_topic(self._spec.run_id, self._spec.lake, given, 2 * self._spec.batch_messages)

    def _most(self) -> int:
        most = self._spec.batch_messages
        if self._spec.max_messages:
            most = min(most, self._spec.max_messages - sum(topic.taken for topic in pulled_topics(self._spec.run_id)))
        return max(0, most)

    def _is_over(self, topic: PulledTopic) -> bool:
        """Tell whether a subscription has ended: stopped, or long idle, and all that was pulled is emitted."""
        spec, subscription = self._spec, topic.subscription
        if spec.max_messages and self._most() == 0:
            subscription.stop_pulling()
            return True
        limit = spec.stop_after_idle_seconds
        idle = [other.subscription.empty_seconds() for other in pulled_topics(spec.run_id)]
        if 0 < limit < min(idle) or os.path.exists(spec.stop_file):
            subscription.stop_pulling()
        return subscription.drained()


def _nothing() -> None:
    """Finalize a bundle without messages."""


def _advance(watermark: Any, time_us: int) -> None:
    """Move the watermark forward to a time, UTC microseconds; it never goes back, and 0 leaves it."""
    current = watermark.current_watermark()
    wanted = Timestamp(micros=time_us)
    if time_us and (current is None or wanted > current):
        watermark.set_watermark(wanted)
