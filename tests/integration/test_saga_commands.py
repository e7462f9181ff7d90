"""The workflow that acts on compensation requests, against stand-in services.

What it is: the YAML of templates/workflows executed by tests/support/workflow_run.py, an interpreter of the steps that it
uses, with real HTTP requests to local servers. Google's Workflows and Eventarc are not run: they exist in the cloud only.
"""

import base64
import json
from typing import Any

import pytest
import yaml

from tests.support.order_services import OrderServices, running_services
from tests.support.paths import ROOT
from tests.support.workflow import problems
from tests.support.workflow_run import WorkflowError, WorkflowRun

WORKFLOW = yaml.safe_load((ROOT / "templates" / "workflows" / "compensate-order.yaml").read_text())
REQUEST = {
    "eventId": "6f0c7d0a-5b1e-5c39-9d57-3f2b8e6a4c11",
    "eventType": "saga.compensation_requested",
    "eventTime": "2026-06-15T10:05:00Z",
    "data": {
        "orderId": "o-1",
        "state": "PAYMENT_FAILED",
        "steps": [
            {"step": "refund", "paymentId": "p-1"},
            {"step": "release", "reservationId": "r-1", "sku": "tea", "quantity": 2},
            {"step": "cancel"},
        ],
    },
    "metadata": {"correlationId": "11111111-0000-4000-8000-000000000001", "causationId": None},
}
ORDER = ["refund", "release", "cancel"]


def delivery(envelope: dict[str, Any]) -> dict[str, Any]:
    """Return the argument with which Eventarc starts an execution for a Pub/Sub message."""
    data = base64.b64encode(json.dumps(envelope).encode()).decode()
    attributes = {"eventId": envelope["eventId"], "eventType": envelope["eventType"]}
    return {
        "type": "google.cloud.pubsub.topic.v1.messagePublished",
        "data": {"message": {"data": data, "attributes": attributes}},
    }


def execute(services: OrderServices, envelope: dict[str, Any], times: int = 1) -> WorkflowRun:
    with running_services(services) as addresses:
        run = WorkflowRun(WORKFLOW, {"SERVICES": json.dumps(addresses)})
        for _ in range(times):
            run.run(delivery(envelope))
    return run


def steps(services: OrderServices) -> list[str]:
    return [step for step, _, _ in services.effects]


def test_the_workflow_is_sound():
    assert problems(WORKFLOW) == []


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("next: next_step", "next: again", "jumps to again"),
        ("string(number)", "text(number)", "calls text"),
        ("as: error", "into: error", "except needs as and steps"),
        ("predicate: ${retriable}", "predicate: ${passes}", "passes is not assigned"),
        ("- dead_end:\n                raise:", "- dead_end:\n                result:", "as if nothing had failed"),
    ],
)
def test_the_checker_sees_a_broken_workflow(before, after, words):
    text = (ROOT / "templates" / "workflows" / "compensate-order.yaml").read_text()
    assert before in text
    found = problems(yaml.safe_load(text.replace(before, after, 1)))
    assert any(words in problem for problem in found), found


def test_the_services_are_called_in_the_order_of_the_steps():
    services = OrderServices()
    execute(services, REQUEST)
    assert steps(services) == ORDER
    assert {order_id for _, order_id, _ in services.effects} == {"o-1"}
    assert services.effects[1][2] == REQUEST["data"]["steps"][1]


def test_a_message_that_is_delivered_three_times_is_executed_once():
    services = OrderServices()
    execute(services, REQUEST, times=3)
    assert steps(services) == ORDER
    assert len(services.calls) == 9
    assert len({key for _, key in services.calls}) == 3


def test_a_step_is_repeated_until_its_service_answers_and_nothing_overtakes_it():
    services = OrderServices(lambda step, calls: 503 if step == "release" and calls < 4 else None)
    execute(services, REQUEST)
    assert steps(services) == ORDER
    assert [step for step, _ in services.calls] == ["refund", *["release"] * 4, "cancel"]


def test_a_lost_answer_executes_nothing_twice():
    services = OrderServices(lambda step, calls: -1 if calls == 1 else None)
    execute(services, REQUEST)
    assert steps(services) == ORDER
    assert len(services.calls) == 6


@pytest.mark.parametrize(("status", "calls"), [(400, 1), (409, 1), (503, 9), (500, 9)])
def test_a_dead_end_stops_the_later_steps_and_fails_the_execution(status, calls):
    services = OrderServices(lambda step, calls: status if step == "refund" else None)
    with running_services(services) as addresses:
        run = WorkflowRun(WORKFLOW, {"SERVICES": json.dumps(addresses)})
        with pytest.raises(WorkflowError, match=r"order o-1, .* step refund failed"):
            run.run(delivery(REQUEST))
    assert steps(services) == []
    assert [step for step, _ in services.calls] == ["refund"] * calls
    [entry] = run.logged
    assert entry["severity"] == "CRITICAL"
    assert entry["json"]["orderId"] == "o-1"


def test_a_service_that_is_not_there_is_retried_and_then_a_dead_end():
    waits: list[float] = []
    addresses = dict.fromkeys(ORDER, "http://127.0.0.1:1/none")
    run = WorkflowRun(WORKFLOW, {"SERVICES": json.dumps(addresses)}, waits.append)
    with pytest.raises(WorkflowError, match="step refund failed"):
        run.run(delivery(REQUEST))
    assert waits == [2, 4, 8, 16, 32, 64, 120, 120]


def test_alerts_start_nothing():
    services = OrderServices()
    execute(services, {**REQUEST, "eventType": "saga.stuck"})
    assert services.calls == []
