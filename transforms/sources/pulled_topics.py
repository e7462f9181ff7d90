"""The subscriptions that this process pulls, by run: every instance of the source's DoFn shares them.

Beam makes and discards DoFns as it likes; pulled messages, leases and open archive files must outlive them.
"""

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from schemas.message import Message
from transforms.archive.segments import StreamArchive, open_archive
from transforms.process_state import SharedValues
from transforms.sources.subscription import Subscription

ACK_SECONDS = 60.0
"""How long leases of an ended subscription are extended while acknowledgements are missing."""


@dataclass(frozen=True)
class TopicSubscription:
    """A topic's short name and the subscription it is read from (`projects/P/subscriptions/S`)."""

    topic: str
    subscription: str


@dataclass
class PulledTopic:
    """One subscription, the archive of its messages, and how far the source has come."""

    subscription: Subscription
    archive: StreamArchive
    writer: ThreadPoolExecutor
    taken: int = 0
    reached: int = 0
    """All messages up to this publish time were emitted, UTC microseconds; 0: not known yet."""
    ended: bool = False

    def keep(self, messages: list[Message]) -> "Future[None]":
        """Write messages to the archive in another thread; they are on disk when the result is there."""
        return self.writer.submit(self._append, messages)

    def _append(self, messages: list[Message]) -> None:
        try:
            self.archive.append(messages)
        except OSError as error:
            self.subscription.failure = archive_failure(self.subscription.topic, error)
            raise

    def finish(self) -> None:
        """Give back what was never emitted and finish the archive; leases end with the last acknowledgement."""
        if self.ended:
            return
        self.ended = True
        self.subscription.stop_pulling()
        self.subscription.give_back()
        self.writer.shutdown()
        self.archive.close()
        threading.Thread(target=_end_when_acknowledged, args=(self.subscription,), daemon=True).start()


_TOPICS: SharedValues[tuple[str, str], PulledTopic] = SharedValues()


def pulled_topic(run_id: str, lake: str, given: TopicSubscription, max_waiting: int) -> PulledTopic:
    """Return this process's hold on a run's subscription; the first call begins to pull.

    Args:
        lake: root of the files, where the archive is written.
        max_waiting: messages that may wait to be taken.
    """
    key = (run_id, given.subscription)
    with _TOPICS.locked() as topics:
        topic = topics.get(key)
        if topic is None:
            archive = open_archive(lake, given.topic, run_id)
            pulled = Subscription(given.subscription, given.topic, max_waiting, tick=archive.roll)
            writer = ThreadPoolExecutor(1, f"archive-{given.topic}")
            topic = topics[key] = PulledTopic(pulled, archive, writer)
        return topic


def pulled_topics(run_id: str) -> list[PulledTopic]:
    """Return what this process pulls for a run."""
    with _TOPICS.locked() as topics:
        return [topic for (run, _), topic in topics.items() if run == run_id]


def outstanding(run_id: str) -> int:
    """Return how many deliveries this process holds of a run without having acknowledged them."""
    return sum(topic.subscription.outstanding() for topic in pulled_topics(run_id))


def source_failure(run_id: str) -> str | None:
    """Return why a subscription of a run can be pulled no more, one line; None while all can."""
    failures = (topic.subscription.failure for topic in pulled_topics(run_id))
    return next((failure for failure in failures if failure is not None), None)


def archive_failure(topic: str, error: OSError) -> str:
    """Return one line about an archive that cannot be written."""
    return f"the archive of {topic} cannot be written: {error.strerror or type(error).__name__}"


def _end_when_acknowledged(subscription: Any) -> None:
    limit = time.monotonic() + ACK_SECONDS
    while subscription.outstanding() and time.monotonic() < limit:
        time.sleep(0.1)
    subscription.end()
