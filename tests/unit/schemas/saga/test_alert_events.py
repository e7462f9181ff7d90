"""Saga alerts are events in the contract's envelope, and the same alert is the same event whenever it is made."""

import json
import re
from typing import Any
from uuid import UUID

from schemas.saga.alert_events import EVENT_TYPES, saga_alert_event, saga_alert_events
from schemas.saga.facts import SagaFact
from schemas.saga.reducer import END_OF_INPUT_US, Saga, reduce_saga
from schemas.saga.transitions import AlertName
from tests.support.saga_examples import at, correlation_id, event_id, fact

STOCK = {"sku": "SKU-1", "quantity": 3, "reservation_id": "res-1"}
FACTS = [
    fact(at("11:00:00"), 1, "order.created"),
    fact(at("11:00:10"), 2, "inventory.reserved", **STOCK),
    fact(at("11:00:20"), 3, "payment.processed", payment_id="pay-1"),
    fact(at("11:45:00"), 4, "payment.failed", payment_id="pay-2"),
    fact(at("11:46:00"), 5, "order.updated", status="CANCELLED"),
    fact(at("11:47:00"), 6, "order.completed"),
]


def _saga(facts: list[SagaFact] = FACTS, order_id: str = "ord-1") -> Saga:
    return reduce_saga(order_id, facts, now_us=END_OF_INPUT_US)


def _by_type(facts: list[SagaFact] = FACTS) -> dict[str, dict[str, Any]]:
    return {event["eventType"]: event for event in saga_alert_events(_saga(facts))}


def test_every_alert_has_an_event_type_and_they_come_by_event_time() -> None:
    assert set(EVENT_TYPES) == set(AlertName)
    assert list(_by_type()) == [
        "saga.stuck",
        "saga.recovered",
        "saga.compensation_requested",
        "saga.compensation_order",
        "saga.illegal_transition",
    ]


def test_an_alert_is_an_envelope_of_the_contract() -> None:
    assert _by_type()["saga.stuck"] == {
        "eventId": _by_type()["saga.stuck"]["eventId"],
        "eventType": "saga.stuck",
        "eventTime": "2026-06-15T11:30:20Z",
        "source": "event-pipelines",
        "dataContentType": "application/json",
        "data": {"orderId": "ord-1", "state": "PAID", "alert": "SAGA_STUCK"},
        "metadata": {"correlationId": correlation_id(1), "causationId": event_id(3)},
    }


def test_compensation_steps_are_requested_in_order() -> None:
    request = _by_type()["saga.compensation_requested"]
    assert request["metadata"]["causationId"] == event_id(4)
    assert request["data"] == {
        "orderId": "ord-1",
        "state": "PAYMENT_FAILED",
        "steps": [
            {"step": "refund", "paymentId": "pay-1"},
            {"step": "release", "reservationId": "res-1", "sku": "SKU-1", "quantity": 3},
            {"step": "cancel"},
        ],
    }


def test_event_ids_are_uuids_of_version_5_and_never_change() -> None:
    ids = {name: event["eventId"] for name, event in _by_type().items()}
    assert {UUID(each).version for each in ids.values()} == {5}
    assert all(re.fullmatch(r"[0-9a-f-]{36}", each) for each in ids.values())
    # Pinned: with other ids a replay would publish every alert of the past anew.
    assert ids["saga.stuck"] == "2b6cdcea-1b0d-51e0-9d40-7a9dc66991d3"
    assert ids["saga.compensation_requested"] == "4701cde5-0faa-535f-81ae-b20af449f284"


def test_an_alert_keeps_its_id_when_late_facts_move_it() -> None:
    late = fact(at("11:00:30"), 7, "payment.processed", payment_id="pay-3")
    before, after = _by_type()["saga.stuck"], _by_type([*FACTS, late])["saga.stuck"]
    assert before["eventTime"] != after["eventTime"]
    assert before["eventId"] == after["eventId"]


def test_a_compensation_request_gets_another_id_when_a_late_fact_adds_steps() -> None:
    late = fact(at("11:00:11"), 7, "inventory.reserved", sku="SKU-2", quantity=1)
    name = "saga.compensation_requested"
    before, after = _by_type()[name], _by_type([*FACTS, late])[name]
    assert len(after["data"]["steps"]) == len(before["data"]["steps"]) + 1
    assert before["eventId"] != after["eventId"]


def test_orders_do_not_share_event_ids() -> None:
    ids = [saga_alert_event(saga, saga.raised[0])["eventId"] for saga in (_saga(), _saga(order_id="ord-2"))]
    assert len(set(ids)) == 2


def test_an_event_is_plain_json() -> None:
    assert json.loads(json.dumps(saga_alert_events(_saga()))) == saga_alert_events(_saga())
