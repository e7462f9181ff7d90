"""One subscription of a process: pulled ahead, kept leased while work goes on, given back at the end."""

import threading
import time
from types import SimpleNamespace

import pytest
from google.api_core.exceptions import DeadlineExceeded, NotFound, ServiceUnavailable

from transforms.sources import subscription
from transforms.sources.subscription import Subscription


class FakeClient:
    """Answers each pull from a list; an exception in it is raised; then nothing comes."""

    def __init__(self, *answers) -> None:
        self._answers = list(answers)
        self.acked: list[str] = []
        self.deadlines: list[tuple[str, int]] = []
        self.closed = threading.Event()

    def pull(self, **_):
        if not self._answers:
            self.closed.wait(0.05)
            raise DeadlineExceeded("nothing")
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return SimpleNamespace(_pb=SimpleNamespace(received_messages=answer))

    def acknowledge(self, ack_ids, **_):
        self.acked += ack_ids

    def modify_ack_deadline(self, ack_ids, ack_deadline_seconds, **_):
        self.deadlines += [(ack_id, ack_deadline_seconds) for ack_id in ack_ids]


def received(*names: str):
    moment = SimpleNamespace(seconds=1_781_524_800, nanos=5_000)
    return [
        SimpleNamespace(
            ack_id=name,
            message=SimpleNamespace(message_id=name, publish_time=moment, attributes={"k": "v"}, data=b"{}"),
        )
        for name in names
    ]


def until(what) -> None:
    limit = time.monotonic() + 5
    while not what():
        assert time.monotonic() < limit
        time.sleep(0.01)


@pytest.fixture
def make():
    made = []

    def start(*answers) -> tuple[Subscription, FakeClient]:
        client = FakeClient(*answers)
        made.append(Subscription("projects/p/subscriptions/s", "orders", 100, client=client))
        return made[-1], client

    yield start
    for one in made:
        one.end()


def test_a_message_keeps_its_topic_times_and_attributes(make):
    pulled, _ = make(received("a"))
    until(pulled.waiting)
    (one,) = pulled.take(10)
    assert (one.message.topic, one.message.publish_time) == ("orders", 1_781_524_800_000_005)
    assert one.message.attributes == {"k": "v"}


def test_what_is_taken_stays_leased_until_it_is_acknowledged(make):
    pulled, client = make(received("a", "b", "c"))
    until(lambda: pulled.waiting() == 3)
    pulled.take(2)
    assert pulled.outstanding() == 3
    pulled.ack(["a", "b"])
    assert client.acked == ["a", "b"]
    assert pulled.outstanding() == 1


def test_leases_of_a_long_bundle_are_extended(make, monkeypatch):
    monkeypatch.setattr(subscription, "EXTEND_AFTER_SECONDS", 0.0)
    monkeypatch.setattr(subscription, "KEEP_EVERY_SECONDS", 0.01)
    pulled, client = make(received("a"))
    until(lambda: client.deadlines)
    assert client.deadlines == [("a", subscription.EXTEND_BY_SECONDS)]
    assert pulled.outstanding() == 1


def test_what_was_never_taken_is_given_back_at_once(make):
    pulled, client = make(received("a", "b"))
    until(lambda: pulled.waiting() == 2)
    pulled.take(1)
    pulled.stop_pulling()
    pulled.give_back()
    assert client.deadlines == [("b", 0)]
    assert pulled.drained()
    assert pulled.outstanding() == 1


def test_a_passing_failure_is_tried_again_and_a_missing_subscription_is_not(make):
    pulled, _ = make(ServiceUnavailable("later"), received("a"))
    until(pulled.waiting)
    missing, _ = make(NotFound("no such subscription"))
    until(lambda: missing.failure)
    assert "NotFound" in missing.failure
