"""All faults of a message: the first is the dead letter's, none quotes a value."""

import json

import pytest

from schemas.decode.decoder import Decoder
from schemas.event import Event
from schemas.faults.all_faults import MAX_FAULTS, faults_of
from schemas.faults.field_rules import all_paths, find_rules, rules_of
from schemas.message import Message, NotAMessage, parse_line
from schemas.registry import REGISTRY
from tests.support.events import make_event, make_message
from tests.support.golden import golden_cases

DECODER = Decoder()


def faults(message: Message):
    return faults_of(message, DECODER, DECODER.decode(message))


def codes(message: Message) -> list[tuple[str, str]]:
    return [(fault.code, fault.path) for fault in faults(message)]


def test_the_first_fault_of_every_golden_message_is_the_one_of_its_dead_letter():
    dead = 0
    for _, line in golden_cases():
        message = parse_line(line, "orders")
        if isinstance(message, NotAMessage):
            continue
        outcome = DECODER.decode(message)
        found = faults_of(message, DECODER, outcome)
        if isinstance(outcome, Event):
            assert found == []
        else:
            dead += 1
            assert (found[0].stage, found[0].code, found[0].path) == (outcome.stage, outcome.code, outcome.path)
            assert len({(fault.code, fault.path) for fault in found}) == len(found)
    assert dead > 100


def test_all_faults_of_envelope_and_data_are_found():
    event = make_event("order.created", eventId="x", eventTime=5)
    del event["metadata"]
    event["Source"] = event.pop("source")
    event["data"] |= {
        "currency": "chf",
        "totalAmount": -1,
        "items": [{"sku": "a", "quantity": "3"}, {"SKU": "b", "quantity": 0}],
    }
    assert codes(make_message(event)) == [
        ("MISSING_FIELD", "source"),
        ("MISSING_FIELD", "metadata"),
        ("FIELD_TYPE", "eventTime"),
        ("FIELD_FORMAT", "eventId"),
        ("MISSING_FIELD", "data.items[1].sku"),
        ("FIELD_TYPE", "data.items[0].quantity"),
        ("FIELD_FORMAT", "data.currency"),
        ("FIELD_RANGE", "data.totalAmount"),
        ("FIELD_RANGE", "data.items[1].quantity"),
    ]  # fmt: skip


def test_a_fault_has_rule_found_type_and_near_name_but_no_value():
    event = make_event("order.created")
    event["data"]["items"][0] = {"SKU": "secret-sku", "quantity": "secret-quantity"}
    text = "\n".join(map(str, faults(make_message(event))))
    assert "a key that differs only in spelling is there, write it sku" in text
    assert "an integer from 1 to 9223372036854775807" in text
    assert "found: string" in text
    assert "secret" not in text


def test_an_unknown_event_type_is_answered_with_the_nearest_name():
    [fault] = faults(make_message(make_event("order.created") | {"eventType": "order.create"}, "orders"))
    assert fault.code == "UNKNOWN_EVENT_TYPE"
    assert fault.rule.endswith("the nearest is order.created")


def test_a_syntax_error_has_line_and_column_of_the_payload():
    [fault] = faults(make_message(b'{"eventId": "private",\n "x": ,}'))
    assert (fault.code, fault.line, fault.column) == ("JSON_SYNTAX", 2, 7)
    assert "private" not in str(fault)


def test_a_topic_mismatch_names_the_topic_of_the_event_type():
    message = make_message(make_event("iot.telemetry"), "orders")
    [fault] = faults(message)
    assert fault.rule == "iot.telemetry belongs on the topic iot-events"


def test_faults_of_a_cloud_event_are_found_under_the_names_of_the_envelope():
    decoder = Decoder(accept_cloudevents=True)
    event = {
        "specversion": "1.0",
        "id": "x",
        "type": "order.updated",
        "source": "order-service",
        "data": {"orderId": 1},
    }
    message = make_message(json.dumps(event).encode(), "orders")
    found = faults_of(message, decoder, decoder.decode(message))
    assert [(fault.code, fault.path) for fault in found] == [
        ("MISSING_FIELD", "eventTime"),
        ("MISSING_FIELD", "metadata.correlationId"),
        ("FIELD_FORMAT", "eventId"),
        ("FIELD_TYPE", "data.orderId"),
    ]


def test_faults_are_bounded():
    event = make_event("order.created")
    event["data"]["items"] = [{"sku": "", "quantity": 0}] * 1000
    assert len(faults(make_message(event))) == MAX_FAULTS


@pytest.mark.parametrize("event_type", list(REGISTRY), ids=lambda event_type: event_type.name)
def test_every_field_of_a_model_has_a_rule_and_an_example(event_type):
    rules = rules_of(event_type)
    assert {f"data.{name}" for name in event_type.model.model_fields} <= set(rules)
    assert all(rule.rule for rule in rules.values())


def test_rules_are_found_by_path_with_any_index():
    [(rule, event_types)] = find_rules("data.items[17].quantity")
    assert rule.path == "data.items[*].quantity"
    assert event_types == ["order.created", "order.updated"]
    assert rule.example == 2
    assert find_rules("data.nothing") == []
    assert "metadata.correlationId" in all_paths()
