"""Saga alerts reach a real Pub/Sub (the emulator) as envelopes, once, and only when what they tell has happened."""

import json
from pathlib import Path

import apache_beam as beam
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from google.cloud import pubsub_v1

from pipelines.runners.direct import counters
from pipelines.runners.pubsub_emulator import Emulator
from schemas.saga.alert_events import saga_alert_events
from tests.support.command import run_command
from tests.support.events import message_line
from tests.support.runs import query, write_messages
from tests.support.saga_events import MINUTE_US, START_US, arrivals, event_batches, generated_orders, reduced
from transforms.sagas.batch import TrackSagas
from transforms.sagas.publish_alerts import PublishSagaAlerts


class Bus:
    """A topic of the emulator and what arrived on it since the last look."""

    def __init__(self, emulator: Emulator, name: str) -> None:
        self.topic, self._subscription = emulator.make([name])[name]
        self._subscriber = pubsub_v1.SubscriberClient()

    def pull(self, expected: int) -> list[dict]:
        """Return the envelopes, at least `expected` of them where they come; the attributes are checked on the way."""
        found: list[dict] = []
        for _ in range(40):
            answer = self._subscriber.pull(
                subscription=self._subscription, max_messages=100, timeout=10, return_immediately=True
            )
            if not answer.received_messages and len(found) >= expected:
                break
            for received in answer.received_messages:
                envelope = json.loads(received.message.data)
                assert dict(received.message.attributes) == {
                    "eventId": envelope["eventId"],
                    "eventType": envelope["eventType"],
                }
                found.append(envelope)
            if answer.received_messages:
                self._subscriber.acknowledge(
                    subscription=self._subscription,
                    ack_ids=[received_message.ack_id for received_message in answer.received_messages],
                )
        return found


def publish(orders, topic: str, delay_us: int = 0) -> dict[str, int]:
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        batches = list(event_batches(arrivals(orders, delay_us)))
        sagas = pipeline | beam.Create(batches) | TrackSagas(run_id="r1")
        sagas.alerted | PublishSagaAlerts(topic=topic, clock=sagas.clock)
    return counters(pipeline.result)


def by_id(envelopes) -> dict[str, dict]:
    return {envelope["eventId"]: envelope for envelope in envelopes}


def test_alerts_and_requests_arrive_as_envelopes_and_a_second_run_adds_none(emulator):
    bus, orders = Bus(emulator, "sagas"), generated_orders(150, seed=31)
    expected = by_id(event for saga in reduced(orders).values() for event in saga_alert_events(saga))
    counted = publish(orders, bus.topic, delay_us=10**12)
    found = bus.pull(len(expected))
    assert by_id(found) == expected
    assert len(found) == len(expected) == counted["saga_published"] > 100
    assert {envelope["eventType"] for envelope in found} == {
        *("saga.stuck", "saga.recovered", "saga.compensation_order", "saga.illegal_transition"),
        "saga.compensation_requested",
    }
    publish(orders, bus.topic, delay_us=2 * 10**12)
    assert by_id(bus.pull(len(expected))) == expected


def test_deadlines_beyond_the_input_raise_no_alert(emulator):
    bus, newest = Bus(emulator, "early"), START_US + 300 * MINUTE_US
    cut = {
        order_id: [fact for fact in facts if fact.event_time_us <= newest]
        for order_id, facts in generated_orders(150, seed=32).items()
    }
    orders = {order_id: facts for order_id, facts in cut.items() if facts}
    newest = max(fact.event_time_us for facts in orders.values() for fact in facts)
    events = [
        (alert.time_us, event["eventId"])
        for saga in reduced(orders).values()
        for alert, event in zip(
            sorted([*saga.raised, *saga.requests], key=lambda item: item.time_us), saga_alert_events(saga), strict=True
        )
    ]
    publish(orders, bus.topic)
    happened = {event_id for at, event_id in events if at <= newest}
    assert len(happened) < len(events)
    assert by_id(bus.pull(len(happened))).keys() == happened


def test_compensation_steps_are_requested_in_order(emulator):
    bus, orders = Bus(emulator, "order"), generated_orders(150, seed=33)
    publish(orders, bus.topic, delay_us=10**12)
    requests = [event for event in bus.pull(100) if event["eventType"] == "saga.compensation_requested"]
    assert any(len(request["data"]["steps"]) == 3 for request in requests)
    for request in requests:
        ranks = [("refund", "release", "cancel").index(step["step"]) for step in request["data"]["steps"]]
        assert ranks == sorted(ranks)
        assert request["source"] == "event-pipelines"


def test_a_topic_that_is_not_there_is_counted_and_stops_nothing(emulator):
    counted = publish(generated_orders(20, seed=34), "projects/local-dev/topics/nobody-made-it", delay_us=10**12)
    assert counted["saga_publish_failed"] > 0
    assert counted["saga_published"] == 0


def failing_payment(folder: Path) -> Path:
    """Write messages of an order whose payment fails and of one that is only made; return the file."""
    envelopes = [
        ("order.created", "order-service", {"orderId": "o-1", "customerId": "c", "items": []}, "10:00:00"),
        (
            "payment.failed",
            "payment-service",
            {"paymentId": "p-1", "orderId": "o-1", "amount": "1", "currency": "EUR"},
            "10:05:00",
        ),
        ("order.created", "order-service", {"orderId": "o-2", "customerId": "c", "items": []}, "10:50:00"),
    ]
    lines = []
    for number, (event_type, source, data, clock) in enumerate(envelopes):
        event = {
            "eventId": f"00000000-0000-4000-8000-{number:012d}",
            "eventType": event_type,
            "eventTime": f"2026-06-15T{clock}Z",
            "source": source,
            "data": data,
            "metadata": {"correlationId": f"11111111-0000-4000-8000-{number:012d}"},
        }
        lines.append(message_line("orders", number, json.dumps(event).encode(), f"2026-06-15T{clock}Z"))
    return write_messages(folder / "orders.jsonl", lines)


def test_local_publishes_only_where_a_topic_is_named(emulator, tmp_path: Path):
    bus, given = Bus(emulator, "local"), failing_payment(tmp_path / "in")
    assert run_command("local", "--input", given, "--output", tmp_path / "quiet")[0] == 0
    assert bus.pull(0) == []
    code, _, err = run_command(
        "local", "--input", given, "--output", tmp_path / "loud", "--saga_alerts_topic", bus.topic
    )
    assert code == 0, err
    found = bus.pull(2)
    assert {match["eventType"]: match["data"]["orderId"] for match in found} == {
        "saga.stuck": "o-1",
        "saga.compensation_requested": "o-1",
    }
    assert query(tmp_path / "loud", "select order_id from analytics.saga_alerts order by 1") == [("o-1",), ("o-2",)]


def test_a_replay_publishes_only_with_the_option_and_then_under_the_same_ids(emulator, tmp_path: Path):
    bus, given = Bus(emulator, "replay"), failing_payment(tmp_path / "in")
    output = tmp_path / "out"
    assert run_command("local", "--input", given, "--output", output, "--saga_alerts_topic", bus.topic)[0] == 0
    before = by_id(bus.pull(2))
    assert len(before) == 2
    # The range holds the failed payment and not the order.created before it: what is said is of the whole order.
    cut = ("--mode", "rebuild", "--from", "2026-06-15T10:04:00Z", "--to", "2026-06-15T10:06:00Z")
    code, _, err = run_command("replay", "--output", output, *cut)
    assert code == 0, err
    assert bus.pull(0) == []
    code, out, err = run_command("replay", "--output", output, *cut, "--saga_alerts_topic", bus.topic)
    assert code == 0, err
    assert "saga alerts published 2" in out
    assert by_id(bus.pull(2)) == before


def test_a_replay_whose_alerts_pubsub_rejects_is_not_committed(emulator, tmp_path: Path):
    output = tmp_path / "out"
    assert run_command("local", "--input", failing_payment(tmp_path / "in"), "--output", output)[0] == 0
    range_ = ("--mode", "rebuild", "--from", "2026-06-15T10:00:00Z", "--to", "2026-06-15T11:00:00Z")
    topic = "projects/local-dev/topics/nobody-made-it"
    code, _, err = run_command("replay", "--output", output, *range_, "--saga_alerts_topic", topic)
    assert code != 0
    assert topic in err
    assert query(output, "select state from event_store.replay_runs") == [("FAILED",)]


def test_a_topic_by_half_its_name_is_a_users_mistake(tmp_path: Path):
    code, _, err = run_command(
        "local", "--input", tmp_path, "--output", tmp_path / "o", "--saga_alerts_topic", "alerts"
    )
    assert code == 2
    assert "--saga_alerts_topic" in err
