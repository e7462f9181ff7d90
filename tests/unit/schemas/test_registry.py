"""The registry is the contract's table; a new event type is one model and one line, and everything follows."""

import json

import fastavro
import jsonschema_rs
import pyarrow as pa
import pytest

from schemas.decode.decoder import Decoder
from schemas.docs.contract_page import event_types_table
from schemas.docs.examples import PUBLISH_TIME, example_event
from schemas.docs.json_schema import event_json_schema
from schemas.event import DeadLetter, Event
from schemas.message import TOPICS, Message
from schemas.registry import REGISTRY
from schemas.tables.definitions import all_tables, typed_table
from schemas.timestamps import parse_rfc3339
from tests.support.shipments import SHIPPED, WITH_SHIPMENTS

CONTRACT = """
order.created order-service orders
order.updated order-service orders
order.completed order-service orders
customer.registered customer-service customers
customer.updated customer-service customers
inventory.reserved inventory-service inventory
inventory.released inventory-service inventory
payment.processed payment-service orders
payment.failed payment-service orders
iot.telemetry iot-gateway iot-events
"""


def test_the_registry_is_the_contracts_table():
    assert [f"{event_type.name} {event_type.source} {event_type.topic}" for event_type in REGISTRY] == CONTRACT.split(
        "\n"
    )[1:-1]
    assert {event_type.topic for event_type in REGISTRY} == set(TOPICS)


@pytest.mark.parametrize("event_type", REGISTRY, ids=lambda item: item.name)
def test_entity_and_amount_are_fields_of_the_model(event_type):
    assert event_type.model.model_fields[event_type.entity].is_required()
    if event_type.amount:
        assert event_type.amount in event_type.model.model_fields


def test_an_event_type_is_found_by_its_exact_name():
    assert REGISTRY.get("order.created").name == "order.created"
    assert REGISTRY.get("Order.Created") is None
    assert REGISTRY.topic_of("iot.telemetry") == "iot-events"
    assert REGISTRY.topic_of("iot") is None


def decoded(event: dict, topic: str = "orders") -> Event | DeadLetter:
    message = Message(topic, "m-1", parse_rfc3339(PUBLISH_TIME)[0], {}, json.dumps(event).encode())
    return Decoder(WITH_SHIPMENTS).decode(message)


def test_a_new_event_type_is_decoded():
    event = decoded(example_event(SHIPPED))
    assert isinstance(event, Event)
    assert (event.event_type, event.entity_id, str(event.amount), event.notes) == (
        "shipment.sent",
        "shipment-1",
        "19.99",
        (),
    )
    assert [(parcel.parcelId, parcel.weight) for parcel in event.payload.parcels] == [("parcel-1", 21.5)]


@pytest.mark.parametrize(
    ("changes", "code", "path"),
    [
        ({"parcels": [{"weight": 1}]}, "MISSING_FIELD", "data.parcels[0].parcelId"),
        ({"parcels": [{"parcelId": "a", "PARCELID": "b", "weight": 1}]}, "KEY_COLLISION", ""),
        ({"count": 0}, "FIELD_RANGE", "data.count"),
        ({"leftAt": "2030-01-01T00:00:00Z"}, "FIELD_RANGE", "data.leftAt"),
        ({"leftAt": "soon"}, "FIELD_FORMAT", "data.leftAt"),
    ],
)
def test_a_new_event_type_is_checked(changes, code, path):
    event = example_event(SHIPPED)
    dead_letter = decoded({**event, "data": {**event["data"], **changes}})
    assert isinstance(dead_letter, DeadLetter)
    assert (dead_letter.code, dead_letter.path) == (code, path)


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"parcels": [{"parcelId": "a", "weight": 1, "colour": "red"}]}, "UNKNOWN_FIELD"),
        ({"remark": "a\nb"}, "CONTROL_CHARS"),
        ({"recipient": "a\x7f"}, "CONTROL_CHARS"),
        ({"leftAt": "2024-01-01T00:00:00.1234567Z"}, "TIME_TRUNCATED"),
    ],
)
def test_a_new_event_type_is_noted(changes, note):
    event = example_event(SHIPPED)
    assert decoded({**event, "data": {**event["data"], **changes}}).notes == (note,)


def test_a_new_event_type_keeps_its_source_and_topic():
    assert decoded({**example_event(SHIPPED), "source": "order-service"}).code == "SOURCE_NOT_ALLOWED"
    assert decoded(example_event(SHIPPED), "inventory").code == "TOPIC_MISMATCH"


def test_a_new_event_type_has_its_table_in_every_form():
    table = typed_table("shipment_events", WITH_SHIPMENTS)
    assert all_tables(WITH_SHIPMENTS)["shipment_events"] == table
    assert [(field["name"], field["type"], field["mode"]) for field in table.bigquery_fields()[7:]] == [
        ("shipment_id", "STRING", "REQUIRED"),
        ("order_id", "STRING", "REQUIRED"),
        ("parcels", "RECORD", "REPEATED"),
        ("has_parcels", "BOOLEAN", "NULLABLE"),
        ("count", "INTEGER", "REQUIRED"),
        ("price", "NUMERIC", "NULLABLE"),
        ("left_at", "TIMESTAMP", "NULLABLE"),
        ("recipient_hmac", "STRING", "NULLABLE"),
        ("remark", "STRING", "NULLABLE"),
    ]
    assert table.arrow_schema().field("price").type == pa.decimal128(38, 9)
    assert fastavro.parse_schema(table.avro_schema())["name"] == "shipment_events"


def test_a_new_event_type_has_its_json_schema_and_its_line_on_the_page():
    jsonschema_rs.Draft202012Validator(event_json_schema(SHIPPED)).validate(example_event(SHIPPED))
    assert "| shipment.sent | orders | shipping | **shipmentId** id," in event_types_table(WITH_SHIPMENTS)


def test_the_contracts_own_registry_is_left_as_it_was():
    assert REGISTRY.get("shipment.sent") is None
    assert "shipment_events" not in all_tables()
