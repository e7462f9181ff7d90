"""The streaming source against the emulator, call by call: what one poll takes, and where its watermark is."""

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


class Poll(NamedTuple):
    """The result of one poll: a batch per topic, the watermark after it in microseconds, and whether it polls again."""

    batches: list[list[Message]]
    watermark: int | None
    again: bool


class Source:
    """The function of the step, called once per poll as a runner does."""

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

    def poll(self):
        finalizer = _BundleFinalizerParam()
        tracker = ThreadsafeRestrictionTracker(PollingTracker(OffsetRange(0, END)))
        self.fn.start_bundle()
        given = self.fn.process(self._element, finalizer, RestrictionTrackerView(tracker), self._watermark)
        batches = [batch.value for batch in given]
        self.fn.finish_bundle()
        finalizer.finalize_bundle()
        current = self._watermark.current_watermark()
        return Poll(batches, None if current is None else current.micros, tracker.deferred_status() is not None)

    def wait_until_all_have_pulled(self):
        limit = time.monotonic() + 20
        while not all(topic.subscription.waiting() for topic in pulled_topics(self.fn._spec.run_id)):
            assert time.monotonic() < limit
            time.sleep(0.05)


def end(source):
    """Stop the source as a drain does."""
    source.stop.touch()
    limit = time.monotonic() + 30
    while source.poll().again:
        assert time.monotonic() < limit
        time.sleep(0.1)


def test_one_poll_takes_a_batch_of_every_topic_and_the_watermark_is_that_of_the_one_behind(bus, tmp_path):
    source = Source(bus, tmp_path, batch_messages=2)
    first = source.poll()
    assert first == Poll([], None, True), "of no topic is known how far it is"
    bus.publish((topic, b"{}", {}) for topic in TOPICS for _ in range(2))
    source.wait_until_all_have_pulled()
    poll = source.poll()
    assert sorted(batch[0].topic for batch in poll.batches) == sorted(TOPICS)
    assert poll.watermark == min(message.publish_time for batch in poll.batches for message in batch)
    end(source)


def test_a_silent_topic_follows_the_clock_and_holds_nothing_up(bus, tmp_path):
    source = Source(bus, tmp_path)
    source.poll()
    time.sleep(1.2)
    watermark = source.poll().watermark
    assert watermark is not None
    assert 0.9 < time.time() - watermark / SECOND_US < 2
    end(source)


def test_all_subscriptions_end_together_after_the_last_message(bus, tmp_path):
    source = Source(bus, tmp_path, max_messages=3)
    source.poll()
    bus.publish(("orders", b"{}", {}) for _ in range(5))
    began, taken = time.monotonic(), 0
    while (poll := source.poll()).again:
        taken += sum(map(len, poll.batches))
        assert time.monotonic() < began + 30
        time.sleep(0.05)
    assert taken + sum(map(len, poll.batches)) == 3
    assert time.monotonic() - began < PULL_SECONDS + 2, "one waits for its pull while the others do"
