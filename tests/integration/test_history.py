"""`history`: events of one entity in order, under what caused them, and what each left the entity as."""

import json

import pytest

from tests.support.command import run_command
from tests.support.events import message_line
from tests.support.runs import write_messages

FLOW = "00000000-0000-4000-8000-00000000000f"
TOPICS = {
    "order": "orders",
    "payment": "orders",
    "inventory": "inventory",
    "customer": "customers",
    "iot": "iot-events",
}
SOURCES = {
    "order": "order-service", "payment": "payment-service", "inventory": "inventory-service", "customer": "customer-service",
    "iot": "iot-gateway",
}  # fmt: skip
PAID = {"paymentId": "p-1", "orderId": "o-1", "amount": "19.90", "currency": "EUR"}
STOCK = {"sku": "s-1", "quantity": 2, "orderId": "o-1"}
EVENTS = [  # number, cause, minute, type, data; they arrive in another order
    (1, None, 0, "order.created", {"orderId": "o-1", "customerId": "c-1", "items": [], "status": "NEW"}),
    (2, 1, 1, "inventory.reserved", STOCK),
    (3, 2, 2, "payment.failed", PAID),
    (4, 1, 3, "order.updated", {"orderId": "o-1", "status": "CANCELLED"}),
    (5, 3, 4, "inventory.released", STOCK),
    (6, None, 0, "customer.registered", {"customerId": "c-1", "country": "DE", "name": "Ann Example", "status": "NEW"}),
    (7, 6, 5, "customer.updated", {"customerId": "c-1", "status": "VIP"}),
    (8, None, 6, "iot.telemetry", {"deviceId": "d-1", "metric": "m", "value": 2.5}),
    (9, None, 7, "iot.telemetry", {"deviceId": "d-1", "metric": "n", "value": 3}),
]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("history")
    lines = []
    for number, cause, minute, event_type, data in [*reversed(EVENTS), EVENTS[3]]:  # one of them comes twice
        kind = event_type.split(".")[0]
        flow = FLOW if number < 6 else f"00000000-0000-4000-8000-{100 + number:012d}"
        envelope = {
            "eventId": f"00000000-0000-4000-8000-{number:012d}", "eventType": event_type, "source": SOURCES[kind],
            "eventTime": f"2026-06-15T11:{minute:02d}:00Z", "data": data, "metadata": {"correlationId": flow},
        }  # fmt: skip
        if cause is not None:
            envelope["metadata"]["causationId"] = f"00000000-0000-4000-8000-{cause:012d}"
        lines.append(message_line(TOPICS[kind], len(lines), json.dumps(envelope).encode(), "2026-06-15T12:00:00Z"))
    source = write_messages(folder / "in" / "messages.jsonl", lines)
    code, _, err = run_command("local", "--input", source, "--output", folder / "out")
    assert code == 0, err
    return folder / "out"


def history(store, *words) -> list[str]:
    code, out, err = run_command("history", "--output", store, *words)
    assert code == 0, err
    return out.splitlines()


def test_history_prints_an_orders_events_under_their_causes_with_the_saga_state(store):
    told = history(store, "--order", "o-1")
    shape = [(len(line) - len(line.lstrip(" └")), line.split("→")[-1].strip()) for line in told]
    assert [line.lstrip(" └").split()[1] for line in told] == [
        "order.created", "inventory.reserved", "payment.failed", "inventory.released", "order.updated",
    ]  # fmt: skip
    assert shape == [
        (0, "CREATED"), (4, "RESERVED"), (6, "PAYMENT_FAILED"), (8, "CANCELLED"), (4, "CANCELLED COMPENSATION_ORDER"),
    ]  # fmt: skip
    assert "status=NEW" in told[0]
    assert "amount=19.9 currency=EUR" in told[2]


def test_the_same_as_objects_in_the_order_of_time(store):
    rows = [json.loads(line) for line in history(store, "--order", "o-1", "--format", "json")]
    assert [int(row["event_id"][-3:]) for row in rows] == [1, 2, 3, 4, 5]
    assert [row["event_time"] for row in rows] == sorted(row["event_time"] for row in rows)
    assert [row["state"].split()[0] for row in rows] == [
        "CREATED",
        "RESERVED",
        "PAYMENT_FAILED",
        "CANCELLED",
        "CANCELLED",
    ]
    newest = history(store, "--order", "o-1", "--format", "json", "--limit", "2")
    assert [json.loads(line)["event_type"] for line in newest] == ["order.updated", "inventory.released"]


def test_a_customers_state_is_the_newest_of_each_field_and_no_name_is_shown(store):
    told = history(store, "--customer", "c-1")
    assert [line.split("→")[1].strip() for line in told if "customer." in line] == [
        "country=DE status=NEW", "country=DE status=VIP",
    ]  # fmt: skip
    assert any("order.created" in line for line in told)
    assert "Ann" not in "".join(told)


def test_a_devices_last_measurement(store):
    states = [line.split("→")[1].strip() for line in history(store, "--device", "d-1")]
    assert states == ["metric=m value=2.5", "metric=n value=3"]


def test_a_flow_across_topics_by_its_id_in_either_case(store):
    told = history(store, "--correlation", FLOW.upper())
    assert len(told) == 5
    assert told[0].endswith("→ order_id=o-1 status=NEW")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--order", "nobody"], 1),
        (["--order", "o-1", "--limit", "0"], 2),
        (["--order", "o-1", "--device", "d-1"], 2),
        ([], 2),
    ],
    ids=["nobody", "limit", "two at once", "nothing named"],
)
def test_a_mistake_is_reported(store, words, code):
    found, out, err = run_command("history", "--output", store, *words)
    assert (found, out) == (code, "")
    assert err
