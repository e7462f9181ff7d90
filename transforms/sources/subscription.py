"""One Pub/Sub subscription of this process: a thread pulls ahead, another keeps the leases, the source takes batches.

Pulled messages stay leased until they are acknowledged: what a bundle has not finished is extended, and what was never
handed out is given back at the end. Emulator and service look the same from here.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from google.api_core.exceptions import DeadlineExceeded, GoogleAPICallError, NotFound, PermissionDenied
from google.cloud import pubsub_v1

from schemas.message import Message
from schemas.timestamps import SECOND_US

PULL_MESSAGES = 1000
PULL_SECONDS = 5.0
PULL_PAUSE_SECONDS = 0.05
"""Between two pulls when few messages come: the bus answers at once, with whatever it has. At 1,000 messages/s the
emulator then takes 5 to 13 % less CPU a message than with 0.02, and rows are no later: batches form in 250 ms anyway."""
FEW_MESSAGES = 100
EXTEND_AFTER_SECONDS = 4.0
"""Below half of the shortest ack deadline that a subscription can have, 10 s."""
EXTEND_BY_SECONDS = 60
EXTEND_EVERY_SECONDS = 20.0
KEEP_EVERY_SECONDS = 1.0
"""How often the keeper looks which leases are due."""
MAX_LEASE_SECONDS = 600.0
"""After this a bundle counts as lost: its messages are left to be delivered again."""
CALL_IDS = 1000
_LOG = logging.getLogger(__name__)


class Received(NamedTuple):
    """A pulled message and the name under which this delivery is acknowledged."""

    ack_id: str
    message: Message


class _Lease:
    __slots__ = ("extend_at", "taken")

    def __init__(self, now: float) -> None:
        self.taken, self.extend_at = now, now + EXTEND_AFTER_SECONDS


class Subscription:
    """Pulls ahead up to `max_waiting` messages; `tick` is called every second by its keeper thread."""

    def __init__(
        self, path: str, topic: str, max_waiting: int, tick: Callable[[], None] = lambda: None, client: Any = None
    ) -> None:
        self.path, self.topic = path, topic
        self._client = client or pubsub_v1.SubscriberClient()
        self._max_waiting, self._tick = max_waiting, tick
        self._lock = threading.Lock()
        self._waiting: deque[Received] = deque()
        self._leases: dict[str, _Lease] = {}
        self._stop = threading.Event()
        self._ended = threading.Event()
        self.failure: str | None = None
        self.last_message = time.monotonic()
        self._puller = threading.Thread(target=self._pull_loop, name=f"pull-{topic}", daemon=True)
        self._keeper = threading.Thread(target=self._keep_loop, name=f"lease-{topic}", daemon=True)
        self._puller.start()
        self._keeper.start()

    def take(self, most: int) -> list[Received]:
        """Hand out up to `most` messages, without waiting."""
        with self._lock:
            waiting = self._waiting
            return [waiting.popleft() for _ in range(min(most, len(waiting)))]

    def waiting(self) -> int:
        """Return how many pulled messages wait to be taken."""
        return len(self._waiting)

    def idle_seconds(self) -> float:
        """Return how long nothing has come."""
        return 0.0 if self._waiting else time.monotonic() - self.last_message

    def ack(self, ack_ids: list[str]) -> None:
        """Acknowledge deliveries; what fails for good is delivered again."""
        for part in _parts(ack_ids):
            for attempt in range(4):
                try:
                    self._client.acknowledge(subscription=self.path, ack_ids=part, retry=None, timeout=10)
                    break
                except GoogleAPICallError as error:
                    _LOG.warning("%s: acknowledge: %s", self.topic, type(error).__name__)
                    time.sleep(0.1 * 2**attempt)
        with self._lock:
            for ack_id in ack_ids:
                self._leases.pop(ack_id, None)

    def stop_pulling(self) -> None:
        """Pull no more; what waits can still be taken."""
        self._stop.set()

    def drained(self) -> bool:
        """Tell whether pulling has ended and nothing waits."""
        return not self._puller.is_alive() and not self._waiting

    def give_back(self) -> None:
        """Let the bus deliver what was pulled and not taken at once to others."""
        self._puller.join(PULL_SECONDS + 1)
        ack_ids = [received.ack_id for received in self.take(1 << 30)]
        self._modify(ack_ids, 0)
        with self._lock:
            for ack_id in ack_ids:
                self._leases.pop(ack_id, None)

    def outstanding(self) -> int:
        """Return how many deliveries are leased and not acknowledged."""
        return len(self._leases)

    def end(self) -> None:
        """End both threads; leases that are left are extended no more."""
        self._stop.set()
        self._ended.set()

    def _pull_loop(self) -> None:
        pause = 0.1
        while not self._stop.is_set():
            if len(self._waiting) >= self._max_waiting:
                time.sleep(0.01)
                continue
            try:
                answer = self._client.pull(
                    subscription=self.path, max_messages=PULL_MESSAGES, retry=None, timeout=PULL_SECONDS
                )
            except DeadlineExceeded:
                pause = 0.1
                continue
            except (NotFound, PermissionDenied) as error:
                self.failure = f"subscription {self.path}: {type(error).__name__}"
                return
            except GoogleAPICallError as error:
                _LOG.warning("%s: pull: %s, again in %.1f s", self.topic, type(error).__name__, pause)
                self._stop.wait(pause)
                pause = min(pause * 2, 10.0)
                continue
            pause = 0.1
            self._received(answer)
            if len(answer._pb.received_messages) < FEW_MESSAGES:
                self._stop.wait(PULL_PAUSE_SECONDS)

    def _received(self, answer: Any) -> None:
        received = [
            Received(one.ack_id, to_message(one.message, self.topic)) for one in answer._pb.received_messages
        ]  # the plain protobuf: its wrapper costs ten times as much
        if not received:
            return
        now = self.last_message = time.monotonic()
        with self._lock:
            self._waiting.extend(received)
            self._leases.update((one.ack_id, _Lease(now)) for one in received)

    def _keep_loop(self) -> None:
        while not self._ended.wait(KEEP_EVERY_SECONDS):
            try:
                self._tick()
                self._extend(time.monotonic())
            except GoogleAPICallError as error:
                _LOG.warning("%s: extending leases: %s", self.topic, type(error).__name__)

    def _extend(self, now: float) -> None:
        due = []
        with self._lock:
            for ack_id in [key for key, lease in self._leases.items() if now - lease.taken > MAX_LEASE_SECONDS]:
                del self._leases[ack_id]
            for ack_id, lease in self._leases.items():
                if lease.extend_at <= now:
                    lease.extend_at = now + EXTEND_EVERY_SECONDS
                    due.append(ack_id)
        self._modify(due, EXTEND_BY_SECONDS)

    def _modify(self, ack_ids: list[str], seconds: int) -> None:
        for part in _parts(ack_ids):
            self._client.modify_ack_deadline(
                subscription=self.path, ack_ids=part, ack_deadline_seconds=seconds, retry=None, timeout=10
            )


def to_message(pushed: Any, topic: str) -> Message:
    """Turn Pub/Sub's protobuf into a message of a topic."""
    moment = pushed.publish_time
    publish_time = moment.seconds * SECOND_US + moment.nanos // 1000
    return Message(topic, pushed.message_id, publish_time, dict(pushed.attributes), pushed.data)


def _parts(ack_ids: list[str]) -> Iterable[list[str]]:
    return (ack_ids[start : start + CALL_IDS] for start in range(0, len(ack_ids), CALL_IDS))
