"""Every JSON form of a message is read, in camel and snake case, and distinguished from a plain event."""

import base64
import json

import pytest

from schemas.message import ORDERING_KEY, Message, NotAMessage
from schemas.message_forms import ValueParser, event_topic, looks_like_messages, subscription_topic
from schemas.timestamps import parse_rfc3339

AT = parse_rfc3339("2026-06-15T12:00:00Z")[0]
EVENT = {"eventId": "1", "eventType": "customer.updated"}
DATA = base64.b64encode(json.dumps(EVENT).encode()).decode()
REST = {"data": DATA, "messageId": "17", "publishTime": "2026-06-15T12:00:00Z"}
SNAKE = {"data": DATA, "message_id": "17", "publish_time": "2026-06-15T12:00:00Z"}


def parse(value, form="auto", default="events", topic="orders", own_topic=True):
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return ValueParser(form, default, topic, 5, "part", own_topic=own_topic).parse(text)


def message(topic="orders", **attributes):
    return Message(topic, "17", AT, attributes, json.dumps(EVENT).encode())


@pytest.mark.parametrize("default", ["messages", "events"])
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (REST, message()),
        (SNAKE, message()),
        ({**REST, "topic": "inventory"}, message("inventory")),
        ({**REST, "orderingKey": "c"}, message(**{ORDERING_KEY: "c"})),
        ({"ackId": "x", "message": REST}, message()),
        ({"ack_id": "x", "message": SNAKE, "delivery_attempt": 2}, message()),
        ({"message": {**REST, **SNAKE}, "subscription": "projects/p/subscriptions/s"}, message()),
        ({"message": REST, "subscription": "projects/p/subscriptions/inventory-push"}, message("inventory")),
        ({"receivedMessages": [{"ackId": "x", "message": REST}]}, message()),
        ({"received_messages": [{"ack_id": "x", "message": SNAKE}]}, message()),
    ],
    ids=["rest", "snake", "topic", "key", "pulled", "snake pulled", "pushed", "push topic", "answer", "snake answer"],
)
def test_every_form_of_a_message_is_read(value, expected, default):
    assert parse(value, default=default) == [expected]


def test_a_pull_response_is_counted_in_messages():
    assert parse({"receivedMessages": [{"message": REST}, {"message": SNAKE}]}) == [message()] * 2
    assert parse({"receivedMessages": []}) == []


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"messageId": "1"}, "publishTime"),
        ({**REST, "data": "no base64"}, "data"),
        ({"ackId": "x", "message": {"data": DATA}}, "message.messageId"),
        ({"ackId": "x", "message": {"messageId": "1"}}, "message.publishTime"),
        ({"receivedMessages": [{"ackId": "x", "message": {**REST, "attributes": 1}}]}, "message.attributes"),
        ({"receivedMessages": [7]}, "message"),
    ],
    ids=["message", "base64", "no id", "no time", "in an answer", "no object"],
)
def test_a_fault_of_a_message_is_reported_with_its_path(value, path):
    [outcome] = parse(value)
    assert isinstance(outcome, NotAMessage)
    assert (outcome.topic, outcome.path) == ("orders", path)


@pytest.mark.parametrize(
    ("value", "topic"),
    [
        (EVENT, "customers"),
        ({"specversion": "1.0", "type": "iot.telemetry"}, "iot-events"),
        ({**EVENT, "messageId": "17"}, "customers"),
        ({**EVENT, "message": REST}, "customers"),
        ({**EVENT, "publishTime": "x"}, "customers"),
        ({"eventType": "no.such"}, "orders"),
        ({"eventType": 7}, "orders"),
        ({"message": {"text": "hello"}}, "orders"),
        ({"a": 1}, "orders"),
        ({}, "orders"),
        (b"[1]", "orders"),
        (b"null", "orders"),
        (b"not json", "orders"),
        (b"\xff", "orders"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_anything_else_is_a_plain_event_with_the_topic_of_its_type(value, topic):
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    assert parse(value) == [Message(topic, "part:00000000", 5, {}, text)]
    assert parse(value, own_topic=False)[0].topic == "orders"


def test_a_value_without_a_recognized_form_is_not_a_message():
    for value in ({}, {"a": 1}, b"null", b"not json", {"message": {"text": "hello"}}):
        assert isinstance(parse(value, default="messages")[0], NotAMessage)
    assert parse(EVENT, default="messages")[0].topic == "customers"


def test_a_given_form_holds_for_every_value():
    assert isinstance(parse(EVENT, form="messages")[0], NotAMessage)
    assert parse(REST, form="events")[0].message_id == "part:00000000"
    assert parse(REST, form="messages") == [message()]


def test_a_message_of_an_unknown_topic_gets_the_topic_of_its_event():
    assert parse(REST, topic="unknown", default="messages") == [message("customers")]
    assert parse({"ackId": "x", "message": REST}, topic="unknown") == [message("customers")]
    assert parse({**REST, "topic": "news"}, topic="unknown") == [message("news")]
    assert parse(REST, topic="unknown", own_topic=False) == [message("unknown")]


def test_a_byte_order_mark_is_part_of_an_event_and_not_of_a_message():
    mark = b"\xef\xbb\xbf"
    assert parse(mark + json.dumps(REST).encode(), default="messages") == [message()]
    assert parse(mark + json.dumps(REST).encode(), form="messages") == [message()]
    event = mark + json.dumps(EVENT).encode()
    assert parse(event) == [Message("customers", "part:00000000", 5, {}, event)]


def test_plain_events_are_counted():
    parser = ValueParser("auto", "events", "orders", 5, "part")
    values = [b"{}", json.dumps(REST).encode(), b"{}"]
    assert [found.message_id for found in parser(values)] == ["part:00000000", "17", "part:00000001"]


@pytest.mark.parametrize(
    ("name", "topic"),
    [
        ("projects/p/subscriptions/orders", "orders"),
        ("projects/p/subscriptions/eu.iot-events.v2", "iot-events"),
        ("prod_customers_sub", "customers"),
        ("projects/orders/subscriptions/all", None),
        ("preorders-sub", None),
        ("", None),
    ],
)
def test_a_subscription_names_its_topic(name, topic):
    assert subscription_topic(name) == topic


def test_the_topic_of_a_payload_is_its_event_types():
    assert event_topic(b'{"eventType": "order\\u002ecreated"}') == "orders"
    assert event_topic(b'{"eventType": "order') is None
    assert event_topic(b"[]") is None


def test_messages_and_events_are_distinguished_by_the_first_value():
    assert looks_like_messages(b'{"topic":"orders","messageId":"1"}')
    assert looks_like_messages(b'{"topic":"orders","messageId":"1","data":"e30')
    assert not looks_like_messages(b'{"eventId":"1","data":{}}')
    assert not looks_like_messages(b'{"eventId":"1","publishTime":"2026-06-15T12:00:00Z","da')
    assert not looks_like_messages(b"")
