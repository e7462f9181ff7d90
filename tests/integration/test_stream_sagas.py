"""Sagas of a streaming run on Prism with the Pub/Sub emulator: killed, stopped and restarted."""

import json
import random
import signal
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from schemas.saga.alert_events import saga_alert_events
from schemas.saga.facts import SagaFact
from schemas.saga.reducer import Saga, reduce_saga
from tests.support.command import run_command
from tests.support.live import (
    Bus,
    archived,
    bounded_run,
    finish,
    kill,
    need_prism_program,
    running_bus,
    simulated,
    start_stream,
    wait_until_running,
)
from tests.support.runs import query
from tests.support.saga_events import alerts_of, arrivals, generated_orders, messages_of, reduced
from tests.support.stores import ALL_TIME

IDLE = ("--stop_after_idle", "4")
ALERTS = "select order_id, alert, alert_time from analytics.saga_alerts order by all"
Orders = dict[str, list[SagaFact]]


@pytest.fixture(scope="module", autouse=True)
def prism():
    return need_prism_program()


@pytest.fixture
def bus(tmp_path):
    with running_bus(tmp_path) as bus:
        yield bus


def deliveries(orders: Orders) -> list[tuple[str, bytes, dict[str, str]]]:
    return [(message.topic, message.data, {}) for message in messages_of(arrivals(orders))]


def stand(output: Path) -> dict[str, tuple[Any, ...]]:
    sql = "select order_id, state, events, version, alerts, correlation_id from analytics.order_saga_current"
    return {order_id: (*row, sorted(alerts), flow) for order_id, *row, alerts, flow in query(output, sql)}


def as_they_must_stand(sagas: dict[str, Saga]) -> dict[str, tuple[Any, ...]]:
    return {
        order_id: (saga.state.value, saga.events, saga.version, sorted(saga.alerts), saga.correlation_id)
        for order_id, saga in sagas.items()
    }


def assert_no_alert_twice(output: Path) -> None:
    twice = "select order_id, alert from analytics.saga_alerts group by 1, 2 having count(*) > 1"
    assert query(output, twice) == []


def sagas_view(output: Path) -> list[tuple]:
    return sorted(query(output, "select * exclude (run_id) from analytics.order_saga_current"), key=repr)


def kill_and_start_again(bus: Bus, tmp_path: Path, orders: Orders, events: int, kills: int) -> None:
    """Publish orders' lives and simulated events and kill at random moments; then all stands as a batch says."""
    output, chance = tmp_path / "out", random.Random(time.time_ns())
    messages = deliveries(orders) + simulated(tmp_path / "sim", events, "--dirty", "0")
    messages += random.Random(7).sample(messages, len(messages) // 10)
    step = len(messages) // (kills + 1)
    for number in range(kills):
        process = start_stream(bus, output)
        wait_until_running(process, output)
        part = messages[number * step : (number + 1) * step]
        for first in range(0, len(part), 50):
            bus.publish(part[first : first + 50])
        time.sleep(chance.uniform(0.3, 3.0))
        kill(process)
        (output / "stream.log").unlink()
    bus.publish(messages[kills * step :])
    finish(start_stream(bus, output, "--stop_after_idle", "15"), output)
    batch = bounded_run(output / "lake", tmp_path / "batch")
    assert stand(batch).items() >= as_they_must_stand(reduced(orders)).items()
    assert sagas_view(output) == sagas_view(batch)
    assert_no_alert_twice(output)
    # What is said in time stands: a fact that comes later may take it back, or move the time that it names.
    alerts = set(query(output, ALERTS))
    assert {alert[:2] for alert in alerts} >= {alert[:2] for alert in query(batch, ALERTS)}

    (output / "stream.log").unlink()
    finish(start_stream(bus, output, *IDLE), output)
    assert sagas_view(output) == sagas_view(batch), "a start over whole stores changes nothing"
    assert set(query(output, ALERTS)) == alerts
    code, _, err = run_command("replay", "--output", output, "--mode", "rebuild", *ALL_TIME)
    assert code == 0, err
    assert sagas_view(output) == sagas_view(batch)
    assert query(output, ALERTS) == query(batch, ALERTS)


def test_after_two_kills_every_saga_is_the_batchs(bus, tmp_path):
    kill_and_start_again(bus, tmp_path, generated_orders(200, seed=61), 600, kills=2)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_after_twenty_kills_every_saga_is_the_batchs(bus, tmp_path):
    kill_and_start_again(bus, tmp_path, generated_orders(4000, seed=62), 4000, kills=20)


def test_a_stop_and_a_start_while_orders_are_open(bus, tmp_path):
    orders, output = generated_orders(150, seed=63), tmp_path / "out"
    messages, options = deliveries(orders), ("--saga_alerts_topic", bus.emulator.make(["alerts"])["alerts"][0])
    process = start_stream(bus, output, *options)
    wait_until_running(process, output)
    bus.publish(messages[: len(messages) // 2])
    time.sleep(4)
    process.send_signal(signal.SIGTERM)
    finish(process, output)
    seen = facts_of(output)
    assert len(seen) > 50
    so_far = {
        order_id: reduce_saga(order_id, [fact for fact in orders[order_id] if fact.event_id in ids], now_us=None)
        for order_id, ids in seen.items()
    }
    assert stand(output) == as_they_must_stand(so_far), "no open end is decided by a stop"
    (output / "stream.log").unlink()

    bus.publish(messages[len(messages) // 2 :])
    finish(start_stream(bus, output, *options, *IDLE), output)
    assert len(archived(output / "lake")) == len(messages)
    sagas = reduced(orders)
    assert stand(output) == as_they_must_stand(sagas)
    assert_no_alert_twice(output)
    said = [event["eventId"] for event in pulled(bus)]
    assert len(said) == len(set(said)), "nothing is published twice"
    raised = {(row[0], row[1]) for row in query(output, "select order_id, alert from analytics.saga_alerts")}
    assert raised >= {(order_id, alert) for order_id, alert, _ in alerts_of(sagas.values())}
    assert set(said) >= {event["eventId"] for saga in sagas.values() for event in saga_alert_events(saga)}


def facts_of(output: Path) -> dict[str, set[str]]:
    found = defaultdict(set)
    for table in ("order_events", "payment_events", "inventory_events"):
        for order_id, event_id in query(output, f"select order_id, event_id from analytics.{table}"):
            found[order_id].add(event_id)
    return found


def pulled(bus: Bus) -> list[dict[str, Any]]:
    from google.cloud import pubsub_v1

    client, found = pubsub_v1.SubscriberClient(), []
    subscription = bus.emulator.make(["alerts"])["alerts"][1]
    while True:
        answer = client.pull(subscription=subscription, max_messages=100, timeout=10, return_immediately=True)
        if not answer.received_messages:
            return found
        found += [json.loads(received.message.data) for received in answer.received_messages]
        client.acknowledge(
            subscription=subscription, ack_ids=[received.ack_id for received in answer.received_messages]
        )
