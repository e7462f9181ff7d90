"""PullPubSub: live messages as batches, on runners that have no Pub/Sub source: a splittable DoFn of our own.

The splittable DoFn keeps the promise "nothing lost" where the runner's shuffle is memory: it writes the archive within
its own bundle, and acknowledges in the bundle's finalizer, when the runner has taken the bundle's results.

All subscriptions are one element: a bundle takes a batch of each, and every step behind the source is called once where
it would be called once a topic. A bundle costs 3 to 5 ms whatever it holds (docs/decisions/0004).
"""

import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import apache_beam as beam
from apache_beam.io.watermark_estimators import ManualWatermarkEstimator
from apache_beam.transforms.window import TimestampedValue
from apache_beam.utils.timestamp import Duration, Timestamp

from schemas.message import TOPICS
from transforms.archive.segments import StreamArchive, open_archive
from transforms.clock import wall_us
from transforms.in_flight import InFlight
from transforms.message_batch import MessageBatch
from transforms.sources.polling_restriction import END, Looks
from transforms.sources.subscription import Subscription

IDLE_AFTER_SECONDS = 1.0
"""A topic from which nothing came for this long counts as silent; its watermark then follows the clock."""
WATERMARK_SLACK_US = 1_000_000
"""How far the watermark of a silent topic stays behind the clock: a message may be on its way."""


@dataclass(frozen=True)
class TopicSubscription:
    """A topic's short name and the subscription it is read from (`projects/P/subscriptions/S`)."""

    topic: str
    subscription: str


@dataclass(kw_only=True)
class PullPubSub(beam.PTransform[Any, beam.PCollection[MessageBatch]]):
    """Pull subscriptions on a portable runner; `lake` is where the archive stands.

    `linger_seconds`: how long the source waits between two looks when no topic has more than a batch.
    `stop_file`: the source ends when this file appears. `max_messages`, `stop_after_idle_seconds`: 0 is never.
    `max_in_flight`: while so many rows are on their way to the tables nothing more is taken.
    """

    subscriptions: list[TopicSubscription]
    lake: str
    run_id: str
    stop_file: str
    batch_messages: int = 1000
    linger_seconds: float = 0.25
    max_messages: int = 0
    stop_after_idle_seconds: float = 0.0
    max_in_flight: int = 20_000

    def __post_init__(self) -> None:
        if not self.subscriptions:
            raise ValueError("subscriptions must name at least one")
        for given in self.subscriptions:
            if given.topic not in TOPICS:
                raise ValueError(f"subscriptions: topic {given.topic!r} is not one of {', '.join(TOPICS)}")
        if self.batch_messages < 1:
            raise ValueError(f"batch_messages must be at least 1, got {self.batch_messages}")
        if self.max_in_flight < 1:
            raise ValueError(f"max_in_flight must be at least 1, got {self.max_in_flight}")

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection[MessageBatch]:
        return (
            pbegin
            | "Subscriptions" >> beam.Create([tuple(self.subscriptions)], reshuffle=False)
            | "Pull" >> beam.ParDo(_PullFn(self)).with_output_types(MessageBatch)
        )


@dataclass
class _Source:
    """What this process holds of one run's subscription; all instances of the DoFn share it."""

    subscription: Subscription
    archive: StreamArchive
    writer: ThreadPoolExecutor
    taken: int = 0
    reached: int = 0
    """Up to which publish time all is handed out, microseconds; 0: not known yet."""
    ended: bool = False


@dataclass
class _Sources:
    lock: threading.Lock = field(default_factory=threading.Lock)
    of: dict[tuple[str, str], _Source] = field(default_factory=dict)


_SOURCES = _Sources()


_TRACKER = beam.DoFn.RestrictionParam(Looks())
_WATERMARK = beam.DoFn.WatermarkEstimatorParam(ManualWatermarkEstimator.default_provider())


class _PullFn(beam.DoFn):
    def __init__(self, spec: PullPubSub) -> None:
        self._spec, self._flow = spec, InFlight(spec.run_id)

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
        sources = [source for source in map(self._source, subscriptions) if not source.ended]
        for source in sources:
            yield from self._look(source, finalizer)
        _advance(watermark, min((source.reached for source in sources), default=0))
        for source in [one for one in sources if self._over(one)]:  # all are told to stop before one is waited for
            self._finish(source)
        if all(source.ended for source in sources):
            tracker.try_claim(END)
            return
        more = any(source.subscription.waiting() for source in sources) and not self._held_up()
        tracker.defer_remainder(Duration(0 if more else self._spec.linger_seconds))

    def _look(self, source: _Source, finalizer: Any) -> Iterator[TimestampedValue]:
        """Take what a subscription has, a batch at most."""
        subscription = source.subscription
        if subscription.failure is not None:
            raise RuntimeError(subscription.failure)
        received = [] if self._held_up() else subscription.take(self._most())
        if received:
            source.taken += len(received)
            messages = [one.message for one in received]
            oldest = min(message.publish_time for message in messages)
            source.reached = max(source.reached, oldest)
            self._keep(finalizer, source, messages, [one.ack_id for one in received])
            yield TimestampedValue(messages, Timestamp(micros=oldest))
        elif subscription.idle_seconds() > IDLE_AFTER_SECONDS:
            source.reached = max(source.reached, wall_us() - WATERMARK_SLACK_US)

    def _held_up(self) -> bool:
        return self._flow.rows() >= self._spec.max_in_flight

    def _keep(self, finalizer: Any, source: _Source, messages: list[Any], ack_ids: list[str]) -> None:
        """The promise: on disk before the bundle ends, acknowledged when the runner has taken it. Never the other way
        round. The disk works while the bundle's messages are decoded.
        """
        self._kept.append(source.writer.submit(source.archive.append, messages))
        finalizer.register(lambda: source.subscription.ack(ack_ids))

    def finish_bundle(self) -> None:
        for kept in self._kept:
            kept.result()

    def _source(self, given: TopicSubscription) -> _Source:
        key = (self._spec.run_id, given.subscription)
        with _SOURCES.lock:
            source = _SOURCES.of.get(key)
            if source is None:
                archive = open_archive(self._spec.lake, given.topic, self._spec.run_id)
                pulled = Subscription(given.subscription, given.topic, 2 * self._spec.batch_messages, archive.roll)
                writer = ThreadPoolExecutor(1, f"archive-{given.topic}")
                source = _SOURCES.of[key] = _Source(pulled, archive, writer)
            return source

    def _mine(self) -> list[_Source]:
        with _SOURCES.lock:
            return [source for (run_id, _), source in _SOURCES.of.items() if run_id == self._spec.run_id]

    def _most(self) -> int:
        most = self._spec.batch_messages
        if self._spec.max_messages:
            most = min(most, self._spec.max_messages - sum(one.taken for one in self._mine()))
        return max(0, most)

    def _over(self, source: _Source) -> bool:
        """Tell whether this subscription has ended: told to stop, or long silent, and all that was pulled is out."""
        spec = self._spec
        if spec.max_messages and self._most() == 0:
            source.subscription.stop_pulling()
            return True
        idle = spec.stop_after_idle_seconds
        silent = idle > 0 and min(one.subscription.idle_seconds() for one in self._mine()) > idle
        if silent or os.path.exists(spec.stop_file):
            source.subscription.stop_pulling()
        return source.subscription.drained()

    def _finish(self, source: _Source) -> None:
        """Give back what was never handed out and finish the archive; leases end with the last acknowledgement."""
        if source.ended:
            return
        source.ended = True
        source.subscription.stop_pulling()
        source.subscription.give_back()
        source.writer.shutdown()
        source.archive.close()
        threading.Thread(target=_end_when_acked, args=(source.subscription,), daemon=True).start()


def _nothing() -> None:
    """Finalize a bundle without messages."""


def _end_when_acked(subscription: Subscription) -> None:
    limit = time.monotonic() + 60
    while subscription.outstanding() and time.monotonic() < limit:
        time.sleep(0.1)
    subscription.end()


def outstanding(run_id: str) -> int:
    """Return how many deliveries this process holds of a run without having acknowledged them."""
    with _SOURCES.lock:
        return sum(one.subscription.outstanding() for (run, _), one in _SOURCES.of.items() if run == run_id)


def _advance(watermark: Any, time_us: int) -> None:
    """Move the watermark forward to a time; it never goes back, and stays where none is known."""
    current = watermark.current_watermark()
    wanted = Timestamp(micros=time_us)
    if time_us and (current is None or wanted > current):
        watermark.set_watermark(wanted)
