"""`POST /events` with the Pub/Sub emulator: what is accepted is on the topic of its type, byte for byte; the rest is nowhere."""

import json
import time

import httpx
import pytest

from pipelines.read_model.migrate import migrate
from schemas.message import MAX_BYTES, TOPICS
from schemas.read_model.address import parse_address
from schemas.registry import REGISTRY
from schemas.timestamps import to_rfc3339
from services.api.data.publisher import topic_names
from tests.support.api_server import running_api
from tests.support.events import make_event, with_data
from tests.support.read_models import sqlite_url
from transforms.clock import wall_us
from transforms.sources.pubsub_client import subscriber_client

PROJECT = "api-events"


@pytest.fixture(scope="module")
def topics(emulator):
    """The contract's topics and a subscription of each."""
    emulator.project = PROJECT
    found = emulator.make(TOPICS)
    assert {name: topic for name, (topic, _) in found.items()} == topic_names(PROJECT, TOPICS)
    subscriber = subscriber_client()
    yield subscriber, {name: subscription for name, (_, subscription) in found.items()}
    subscriber.close()


@pytest.fixture(scope="module")
def api(topics, tmp_path_factory):
    address = parse_address(sqlite_url(tmp_path_factory.mktemp("events")))
    migrate(address)
    with (
        running_api(address, publish_project=PROJECT) as url,
        httpx.Client(base_url=f"{url}/api/v1", timeout=30) as client,
    ):
        yield client


def new_event(event_type: str, number: int, **changes) -> dict:
    event_id = f"00000000-0000-4000-8000-{time.time_ns() % 10**9:09d}{number % 1000:03d}"
    return make_event(event_type, eventId=event_id, eventTime=to_rfc3339(wall_us()), **changes)


def pulled(topics, topic: str, count: int) -> list[bytes]:
    subscriber, subscriptions = topics
    found, limit = [], time.monotonic() + 10
    while len(found) < count and time.monotonic() < limit:
        reply = subscriber.pull(subscription=subscriptions[topic], max_messages=100, return_immediately=True)
        found += [one.message.data for one in reply.received_messages]
        if reply.received_messages:
            ids = [one.ack_id for one in reply.received_messages]
            subscriber.acknowledge(subscription=subscriptions[topic], ack_ids=ids)
    return found


@pytest.mark.parametrize("event_type", [one.name for one in REGISTRY])
def test_an_event_goes_to_the_topic_of_its_type_as_it_came(api, topics, event_type):
    event = new_event(event_type, 1)
    body = json.dumps(event, indent=1).encode()
    reply = api.post("/events", content=body, headers={"Content-Type": "application/json"})
    assert reply.status_code == 201, reply.text
    [sent] = reply.json()["events"]
    topic = REGISTRY.topic_of(event_type)
    assert (sent["event_id"], sent["topic"]) == (event["eventId"], topic)
    assert sent["message_id"]
    assert pulled(topics, topic, 1) == [body]


def test_a_list_is_published_whole_or_not_at_all(api, topics):
    good = [new_event("order.updated", n) for n in range(5)]
    reply = api.post("/events", json=good)
    assert reply.status_code == 201
    assert [one["event_id"] for one in reply.json()["events"]] == [one["eventId"] for one in good]
    assert len(pulled(topics, "orders", 5)) == 5
    bad = {**new_event("order.updated", 9), "data": {"orderId": "o", "items": [{"sku": "a", "quantity": 0}]}}
    reply = api.post("/events", json=[*good, bad])
    assert reply.status_code == 400
    [fault] = reply.json()["errors"]
    assert (fault["index"], fault["stage"], fault["code"], fault["path"]) == (
        5,
        "data",
        "FIELD_RANGE",
        "data.items[0].quantity",
    )
    assert pulled(topics, "orders", 1) == []


@pytest.mark.parametrize(
    ("change", "status", "code", "path"),
    [
        ({"eventType": "order.exploded"}, 400, "UNKNOWN_EVENT_TYPE", "eventType"),
        ({"eventTime": "2999-01-01T00:00:00Z"}, 400, "TIME_RANGE", "eventTime"),
        ({"source": "payment-service"}, 400, "SOURCE_NOT_ALLOWED", "source"),
        ({"metadata": {}}, 400, "MISSING_FIELD", "metadata.correlationId"),
        ({"data": {"orderId": "a b"}}, 400, "FIELD_FORMAT", "data.orderId"),
        ({"data": {"orderId": "o", "status": "x" * (MAX_BYTES + 1)}}, 413, "TOO_LARGE", ""),
    ],
)
def test_a_rejected_event_names_the_contracts_code_and_path(api, change, status, code, path):
    reply = api.post("/events", json={**new_event("order.updated", 2), **change})
    assert reply.status_code == status, reply.text
    [fault] = reply.json()["errors"]
    assert (fault["code"], fault["path"]) == (code, path)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[", b"[]", b"[1]", b"null", b"\xff", b'{"a": NaN}', b"[" * 70, b'{"a":1,"a":1}']
)
def test_a_body_that_is_no_event_is_400(api, body):
    reply = api.post("/events", content=body, headers={"Content-Type": "application/json"})
    assert reply.status_code == 400, reply.text
    assert reply.json()["errors"][0]["code"]


def test_other_content_types_are_415(api):
    assert api.post("/events", content=b"<a/>", headers={"Content-Type": "text/xml"}).status_code == 415


def test_one_id_with_other_content_is_a_conflict_and_with_the_same_content_is_not(api, topics):
    event = new_event("order.updated", 3)
    assert api.post("/events", json=event).status_code == 201
    assert api.post("/events", json=event).status_code == 201
    assert api.post("/events", json={**event, "data": {"orderId": "other"}}).status_code == 409
    two = new_event("order.updated", 4)
    reply = api.post("/events", json=[two, {**two, "data": {"orderId": "other"}}])
    assert (reply.status_code, reply.json()["errors"][0]["code"]) == (409, "EVENT_ID_CONFLICT")
    assert len(pulled(topics, "orders", 2)) == 2


def test_personal_data_of_an_event_is_in_no_answer(api):
    event = {
        **with_data("customer.registered", email="secret@example.org", customerId="a b"),
        "eventTime": to_rfc3339(wall_us()),
    }
    reply = api.post("/events", json=event)
    assert reply.status_code == 400
    assert "secret" not in reply.text
