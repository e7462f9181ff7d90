"""The source of a live run against the emulator, call by call: what one look takes, and what it says of time."""

import time
from typing import NamedTuple

from apache_beam.io.restriction_trackers import OffsetRange
from apache_beam.io.watermark_estimators import ManualWatermarkEstimator
from apache_beam.runners.sdf_utils import RestrictionTrackerView, ThreadsafeRestrictionTracker
from apache_beam.transforms.core import _BundleFinalizerParam

from schemas.message import TOPICS, Message
from schemas.timestamps import SECOND_US
from transforms.sources.polling_restriction import END, PollingTracker
from transforms.sources.pull_pubsub import PullPubSub, _PullFn
from transforms.sources.pulled_topics import TopicSubscription, pulled_topics
from transforms.sources.subscription import PULL_SECONDS


class Look(NamedTuple):
    """What came of one look: a batch a topic, the watermark after it in microseconds, and whether it comes again."""

    batches: list[list[Message]]
    watermark: int | None
    again: bool


class Source:
    """The step's function in the hands of a runner that calls it once a look."""

    def __init__(self, bus, folder, **options):
        subscriptions = tuple(TopicSubscription(topic, feed[1]) for topic, feed in bus.feeds.items())
        self._element, self._watermark = subscriptions, ManualWatermarkEstimator(None)
        self.stop = folder / "stop"
        self.fn = _PullFn(
            PullPubSub(
                subscriptions=list(subscriptions),
                lake=str(folder),
                run_id=folder.name,
                stop_file=str(self.stop),
                **options,
            )
        )

    def look(self):
        finalizer = _BundleFinalizerParam()
        tracker = ThreadsafeRestrictionTracker(PollingTracker(OffsetRange(0, END)))
        self.fn.start_bundle()
        given = self.fn.process(self._element, finalizer, RestrictionTrackerView(tracker), self._watermark)
        batches = [batch.value for batch in given]
        self.fn.finish_bundle()
        finalizer.finalize_bundle()
        current = self._watermark.current_watermark()
        return Look(batches, None if current is None else current.micros, tracker.deferred_status() is not None)

    def wait_until_all_have_pulled(self):
        limit = time.monotonic() + 20
        while not all(topic.subscription.waiting() for topic in pulled_topics(self.fn._spec.run_id)):
            assert time.monotonic() < limit
            time.sleep(0.05)


def end(source):
    """Stop the source as a drain does."""
    source.stop.touch()
    limit = time.monotonic() + 30
    while source.look().again:
        assert time.monotonic() < limit
        time.sleep(0.1)


def test_one_look_takes_a_batch_of_every_topic_and_the_watermark_is_that_of_the_one_behind(bus, tmp_path):
    source = Source(bus, tmp_path, batch_messages=2)
    first = source.look()
    assert first == Look([], None, True), "of no topic is known how far it is"
    bus.publish((topic, b"{}", {}) for topic in TOPICS for _ in range(2))
    source.wait_until_all_have_pulled()
    look = source.look()
    assert sorted(batch[0].topic for batch in look.batches) == sorted(TOPICS)
    assert look.watermark == min(message.publish_time for batch in look.batches for message in batch)
    end(source)


def test_a_silent_topic_follows_the_clock_and_holds_nothing_up(bus, tmp_path):
    source = Source(bus, tmp_path)
    source.look()
    time.sleep(1.2)
    watermark = source.look().watermark
    assert watermark is not None
    assert 0.9 < time.time() - watermark / SECOND_US < 2
    end(source)


def test_all_subscriptions_end_together_after_the_last_message(bus, tmp_path):
    source = Source(bus, tmp_path, max_messages=3)
    source.look()
    bus.publish(("orders", b"{}", {}) for _ in range(5))
    began, taken = time.monotonic(), 0
    while (look := source.look()).again:
        taken += sum(map(len, look.batches))
        assert time.monotonic() < began + 30
        time.sleep(0.05)
    assert taken + sum(map(len, look.batches)) == 3
    assert time.monotonic() - began < PULL_SECONDS + 2, "one waits for its pull while the others do"
