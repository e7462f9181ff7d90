"""Events and messages for tests of the contract: one of each type, changed field by field."""

import base64
import copy
import json
from typing import Any

from schemas.decode.decoder import Decoder
from schemas.docs.examples import example_data
from schemas.event import DeadLetter, Event
from schemas.message import Message
from schemas.registry import REGISTRY
from schemas.timestamps import parse_rfc3339

PUBLISHED = "2026-03-01T12:00:00Z"
PUBLISHED_US = parse_rfc3339(PUBLISHED)[0]
EVENT_ID = "3f1c9a52-7d44-4c1b-9f65-0a1b2c3d4e5f"
CORRELATION_ID = "5f0c2a44-9a8b-4c1d-8e2f-3a4b5c6d7e8f"
CAUSATION_ID = "0b6e7c1a-1c2d-4e3f-8a9b-c0d1e2f3a4b5"

DATA: dict[str, dict[str, Any]] = {
    "order.created": {
        "orderId": "B-2201",
        "customerId": "K.77",
        "items": [{"sku": "tea:green", "quantity": 2, "unitPrice": "4.50"}, {"sku": "cup", "quantity": 1}],
        "currency": "CHF",
        "totalAmount": "16.90",
        "status": "NEW",
    },
    "order.updated": {"orderId": "B-2201", "status": "PACKED"},
    "order.completed": {"orderId": "B-2201", "completedAt": "2026-03-01T11:58:30Z"},
    "customer.registered": {
        "customerId": "K.77",
        "name": "Z. Name",
        "email": "z@example.org",
        "phone": "044",
        "country": "CH",
    },
    "customer.updated": {"customerId": "K.77", "type": "RETAIL", "status": "ACTIVE"},
    "inventory.reserved": {
        "sku": "tea:green",
        "quantity": 2,
        "orderId": "B-2201",
        "reservationId": "R@5",
        "warehouseId": "z-1",
    },
    "inventory.released": {"sku": "tea:green", "quantity": 2},
    "payment.processed": {"paymentId": "P_9", "orderId": "B-2201", "amount": "16.90", "currency": "CHF"},
    "payment.failed": {
        "paymentId": "P_9",
        "orderId": "B-2201",
        "amount": "16.90",
        "currency": "CHF",
        "reason": "limit",
    },
    "iot.telemetry": {"deviceId": "boiler-3", "metric": "temp", "value": 61.25, "unit": "C"},
}
for _added in REGISTRY:  # a type that is new has the example of its model
    DATA.setdefault(_added.name, example_data(_added.model))
TOPICS = {
    "order": "orders",
    "payment": "orders",
    "customer": "customers",
    "inventory": "inventory",
    "iot": "iot-events",
}
ABSENT = object()


def topic_of(event_type: str) -> str:
    """Return the topic of an event type as the contract's table has it."""
    return TOPICS.get(event_type.split(".")[0], "orders")


def make_event(event_type: str = "order.updated", **changes: Any) -> dict[str, Any]:
    """Return a valid event with changes to its envelope; ABSENT takes a field away."""
    domain = event_type.split(".")[0]
    event = {
        "eventId": EVENT_ID,
        "eventType": event_type,
        "eventTime": "2026-03-01T11:59:00Z",
        "source": "iot-gateway" if domain == "iot" else f"{domain}-service",
        "dataContentType": "application/json",
        "data": copy.deepcopy(DATA[event_type]),
        "metadata": {"correlationId": CORRELATION_ID, "causationId": CAUSATION_ID},
    }
    return {key: value for key, value in {**event, **changes}.items() if value is not ABSENT}


def with_data(event_type: str, **changes: Any) -> dict[str, Any]:
    """Return a valid event with changes to its data."""
    event = make_event(event_type)
    data = {key: value for key, value in {**event["data"], **changes}.items() if value is not ABSENT}
    return {**event, "data": data}


def spelled(event: dict[str, Any], written: str, instead: str) -> bytes:
    """Return the event's text with one piece written otherwise: for spellings that no JSON library writes."""
    text = json.dumps(event, separators=(",", ":"))
    assert text.count(written) == 1, written
    return text.replace(written, instead).encode()


def make_message(
    event: dict[str, Any] | bytes, topic: str | None = None, attributes: dict[str, str] | None = None
) -> Message:
    """Return the message that carries an event, or these bytes."""
    if isinstance(event, bytes):
        return Message(topic or "orders", "m-1", PUBLISHED_US, attributes or {}, event)
    topic = topic or topic_of(str(event.get("eventType")))
    return Message(topic, "m-1", PUBLISHED_US, attributes or {}, json.dumps(event).encode())


def accepted(message: Message, decoder: Decoder | None = None) -> Event:
    """Decode a message that must be valid."""
    outcome = (decoder or Decoder()).decode(message)
    assert isinstance(outcome, Event), outcome
    return outcome


def rejected(message: Message, decoder: Decoder | None = None) -> DeadLetter:
    """Decode a message that must be a dead letter."""
    outcome = (decoder or Decoder()).decode(message)
    assert isinstance(outcome, DeadLetter), outcome
    return outcome


def message_line(
    topic: str, number: int, data: bytes, publish_time: str, attributes: dict[str, str] | None = None
) -> str:
    """Return one line of a message file."""
    return json.dumps(
        {
            "topic": topic,
            "messageId": f"m{number:06d}",
            "publishTime": publish_time,
            "attributes": attributes or {},
            "data": base64.b64encode(data).decode(),
        }
    )
