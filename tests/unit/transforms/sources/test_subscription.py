"""One subscription of a process: pulled ahead, kept leased while work goes on, given back at the end."""

import threading
import time
from types import SimpleNamespace

import pytest
from google.api_core.exceptions import (
    DeadlineExceeded,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    ServiceUnavailable,
    Unauthenticated,
)
from google.auth.exceptions import DefaultCredentialsError, RefreshError, TransportError

from transforms.sources import leases, subscription
from transforms.sources.subscription import Subscription


class FakeClient:
    """Answers each pull from a list; an exception in it is raised; then no message arrives."""

    def __init__(self, *answers) -> None:
        self._answers = list(answers)
        self.asked: list[int] = []
        self.look_up: Exception | None = None
        self.acked: list[str] = []
        self.deadlines: list[tuple[str, int]] = []
        self.closed = threading.Event()

    def pull(self, max_messages, **_):
        self.asked.append(max_messages)
        if not self._answers:
            self.closed.wait(0.05)
            raise DeadlineExceeded("nothing")
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return SimpleNamespace(_pb=SimpleNamespace(received_messages=answer))

    def get_subscription(self, **_):
        if self.look_up is not None:
            raise self.look_up

    def acknowledge(self, ack_ids, **_):
        self.acked += ack_ids

    def modify_ack_deadline(self, ack_ids, ack_deadline_seconds, **_):
        self.deadlines += [(ack_id, ack_deadline_seconds) for ack_id in ack_ids]


def received(*names: str, size: int = 100):
    moment = SimpleNamespace(seconds=1_781_524_800, nanos=5_000)
    return [
        SimpleNamespace(
            ack_id=name,
            message=SimpleNamespace(
                message_id=name, publish_time=moment, attributes={"k": "v"}, data=b"{}", ByteSize=lambda: size
            ),
        )
        for name in names
    ]


def until(what) -> None:
    limit = time.monotonic() + 60
    while not what():
        assert time.monotonic() < limit
        time.sleep(0.01)


@pytest.fixture
def make():
    made = []

    def start(*answers, look_up=None) -> tuple[Subscription, FakeClient]:
        client = FakeClient(*answers)
        client.look_up = look_up
        made.append(Subscription("projects/p/subscriptions/s", "orders", 100, client=client))
        return made[-1], client

    yield start
    for pulled in made:
        pulled.end()


def test_a_message_keeps_its_topic_times_and_attributes(make):
    pulled, _ = make(received("a"))
    until(pulled.waiting)
    (delivery,) = pulled.take(10)
    assert (delivery.message.topic, delivery.message.publish_time) == ("orders", 1_781_524_800_000_005)
    assert delivery.message.attributes == {"k": "v"}


def test_pulled_messages_stay_leased_until_acknowledged(make):
    pulled, client = make(received("a", "b", "c"))
    until(lambda: pulled.waiting() == 3)
    pulled.take(2)
    assert pulled.outstanding() == 3
    pulled.ack(["a", "b"])
    assert client.acked == ["a", "b"]
    assert pulled.outstanding() == 1


def test_leases_of_a_long_bundle_are_extended(make, monkeypatch):
    monkeypatch.setattr(leases, "EXTEND_AFTER_SECONDS", 0.0)
    monkeypatch.setattr(subscription, "KEEP_EVERY_SECONDS", 0.01)
    pulled, client = make(received("a"))
    until(lambda: client.deadlines)
    assert client.deadlines == [("a", leases.EXTEND_BY_SECONDS)]
    assert pulled.outstanding() == 1


def test_messages_that_were_never_read_are_returned_at_once(make):
    pulled, client = make(received("a", "b"))
    until(lambda: pulled.waiting() == 2)
    pulled.take(1)
    pulled.stop_pulling()
    pulled.give_back()
    assert client.deadlines == [("b", 0)]
    assert pulled.drained()
    assert pulled.outstanding() == 1


def test_a_transient_failure_is_retried(make):
    pulled, _ = make(ServiceUnavailable("later"), TransportError("token", retryable=True), received("a"))
    until(pulled.waiting)
    assert pulled.failure is None


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (NotFound("x"), "create it or correct the name (NotFound)"),
        (InvalidArgument("x"), "the name is malformed"),
        (PermissionDenied("x"), "roles/pubsub.subscriber"),
        (Unauthenticated("x"), "the credentials are not accepted"),
        (FailedPrecondition("x"), "use a pull subscription"),
        (RefreshError("x"), "no valid credentials"),
        (DefaultCredentialsError("x"), "no valid credentials"),
        (AttributeError("x"), "an unexpected error (AttributeError)"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_permanent_failure_names_the_subscription_and_what_to_do(make, error, advice):
    pulled, _ = make(error)
    until(lambda: pulled.failure)
    assert pulled.failure.startswith("subscription projects/p/subscriptions/s: ")
    assert advice in pulled.failure
    assert "\n" not in pulled.failure
    assert pulled.idle_seconds() == 0, "a subscription that failed is not idle"


def test_idle_time_begins_with_the_first_answer_of_the_server(make, monkeypatch):
    silent, _ = make(look_up=DeadlineExceeded("nobody"))
    answering, _ = make()
    until(lambda: answering.idle_seconds() > 0.3)
    assert silent.idle_seconds() == 0


def test_a_subscription_counts_as_empty_from_its_first_pull_on(make):
    pulling, client = threading.Event(), FakeClient()
    client.pull = lambda **_: pulling.wait(30)
    slow = Subscription("projects/p/subscriptions/s", "orders", 100, client=client)
    until(lambda: slow.idle_seconds() > 0.2)
    assert slow.empty_seconds() == 0, "the first pull has not come back"
    answering, _ = make()
    until(lambda: answering.empty_seconds() > 0.2)
    slow.end()
    pulling.set()


def test_a_server_that_does_not_answer_is_a_failure_after_a_while(make, monkeypatch):
    monkeypatch.setattr(subscription, "SERVICE_SILENT_SECONDS", 0.2)
    monkeypatch.delenv("PUBSUB_EMULATOR_HOST", raising=False)
    pulled, _ = make(look_up=DeadlineExceeded("nobody"))
    until(lambda: pulled.failure)
    assert "does not answer" in pulled.failure


def test_waiting_messages_are_limited_in_bytes(monkeypatch):
    client = FakeClient(*(received(str(number), size=600) for number in range(50)))
    pulled = Subscription("projects/p/subscriptions/s", "orders", 100, max_waiting_bytes=1000, client=client)
    try:
        until(lambda: pulled.waiting() == 2)
        time.sleep(0.3)
        assert pulled.waiting() == 2, "a third would go beyond the limit"
        pulled.take(10)
        until(lambda: pulled.waiting() == 2)
    finally:
        pulled.end()


def test_a_batch_is_limited_in_bytes_and_a_larger_message_is_a_batch_of_its_own(make):
    pulled, _ = make(received("a", "b", size=400), received("c", size=5000), received("d"))
    until(lambda: pulled.waiting() == 4)
    batches = [[delivery.ack_id for delivery in pulled.take(10, 1000)] for _ in range(3)]
    assert batches == [["a", "b"], ["c"], ["d"]]
    assert pulled.take(10, 1000) == []


def test_a_response_that_is_too_large_is_requested_again_in_parts(make):
    pulled, client = make(received("a", "b"), ResourceExhausted("larger than max"), received("c"))
    until(lambda: pulled.waiting() == 3)
    assert client.asked[1] > client.asked[2]
    assert pulled.idle_seconds() == 0


def test_a_full_disk_under_the_archive_is_the_failure(monkeypatch):
    monkeypatch.setattr(subscription, "KEEP_EVERY_SECONDS", 0.01)

    def full() -> None:
        raise OSError(28, "No space left on device")

    pulled = Subscription("projects/p/subscriptions/s", "orders", 100, tick=full, client=FakeClient())
    try:
        until(lambda: pulled.failure)
        assert pulled.failure == "the archive of orders cannot be written: No space left on device"
    finally:
        pulled.end()
