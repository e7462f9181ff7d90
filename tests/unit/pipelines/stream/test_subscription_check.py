"""The checks of each subscription before a streaming run starts, and their messages."""

from types import SimpleNamespace

import pytest
from google.api_core.exceptions import DeadlineExceeded, InvalidArgument, NotFound, PermissionDenied, ServiceUnavailable
from google.pubsub_v1.types import Subscription

from pipelines.errors import RunFailed, UserError
from pipelines.stream import subscription_check
from pipelines.stream.subscription_check import check_subscriptions
from transforms.sources.pulled_topics import TopicSubscription

ORDERS = TopicSubscription("orders", "projects/p/subscriptions/a")
IOT = TopicSubscription("iot-events", "projects/p/subscriptions/b")


def client(*found):
    """Return a client whose look-ups give these in turn; the last one again and again."""
    answers = list(found)

    def get_subscription(**_):
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    return SimpleNamespace(get_subscription=get_subscription)


def of(topic: str, **more) -> Subscription:
    return Subscription(topic=topic if topic.startswith("_") else f"projects/p/topics/{topic}", **more)


@pytest.mark.parametrize(
    ("orders", "iot"),
    [("orders-topic", "iot-events-topic"), ("prod.Orders.v2", "s1-iot_events"), ("s3-orders", "IotEvents")],
)
def test_topics_that_are_named_after_their_option_are_accepted(orders, iot):
    check_subscriptions([ORDERS, IOT], client=client(of(orders), of(iot)))


@pytest.mark.parametrize("topic", ["customers-topic", "payments", "_deleted-topic_"])
def test_a_subscription_of_another_topic_is_rejected_and_can_be_allowed(topic):
    with pytest.raises(UserError) as raised:
        check_subscriptions([ORDERS], client=client(of(topic)))
    line = str(raised.value)
    assert line.startswith("--orders projects/p/subscriptions/a: ")
    assert "--allow_topic_mismatch" in line
    assert topic == "_deleted-topic_" or f"projects/p/topics/{topic}" in line
    check_subscriptions([ORDERS], allow_topic_mismatch=True, client=client(of(topic)))


def test_one_subscription_for_two_topics_is_rejected_before_any_call():
    twice = [ORDERS, TopicSubscription("customers", ORDERS.subscription)]
    with pytest.raises(UserError, match="is given for --orders too"):
        check_subscriptions(twice, allow_topic_mismatch=True, client=client(AssertionError("no call")))


def test_two_subscriptions_of_one_topic_are_rejected():
    with pytest.raises(UserError, match=r"--iot_events .*: is of the same topic as --orders"):
        check_subscriptions([ORDERS, IOT], client=client(of("orders-and-iot-events")))


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        (of("orders", push_config={"push_endpoint": "https://x"}), "a push subscription"),
        (of("orders", bigquery_config={"table": "p.d.t"}), "a BigQuery subscription"),
        (of("orders", detached=True), "detached"),
    ],
    ids=["push", "bigquery", "detached"],
)
def test_a_subscription_that_cannot_be_pulled_is_rejected(found, kind):
    with pytest.raises(UserError, match=kind):
        check_subscriptions([ORDERS], allow_topic_mismatch=True, client=client(found))


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (NotFound("x"), "create it or correct the name"),
        (InvalidArgument("x"), "projects/PROJECT/subscriptions/NAME"),
        (PermissionDenied("x"), "roles/pubsub.viewer"),
    ],
    ids=["missing", "malformed", "denied"],
)
def test_a_permanent_error_is_one_line_with_option_and_advice(error, advice):
    with pytest.raises(UserError) as raised:
        check_subscriptions([ORDERS], client=client(error))
    assert str(raised.value).startswith("--orders projects/p/subscriptions/a: ")
    assert advice in str(raised.value)


@pytest.mark.parametrize(
    "error", [ServiceUnavailable("refused"), DeadlineExceeded("silent")], ids=["refused", "silent"]
)
def test_an_address_that_does_not_answer_is_a_failed_run(error, monkeypatch):
    monkeypatch.setattr(subscription_check, "ANSWER_SECONDS", 1.2)
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "127.0.0.1:1")
    with pytest.raises(RunFailed, match=r"127\.0\.0\.1:1 .* does not answer"):
        check_subscriptions([ORDERS], client=client(error))


def test_an_emulator_that_is_about_to_start_is_waited_for():
    check_subscriptions([ORDERS], client=client(ServiceUnavailable("not yet"), of("orders")))


def test_an_emulator_address_with_a_scheme_is_rejected(monkeypatch):
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "http://127.0.0.1:8085")
    with pytest.raises(UserError, match="without a scheme"):
        check_subscriptions([ORDERS])
