"""schema: the contract of an event type in four forms, each of use as it is printed."""

import argparse
import json

import fastavro
import jsonschema_rs
import pytest

from pipelines.cli.arguments import schema as arguments
from pipelines.cli.commands import schema
from pipelines.errors import UserError
from schemas.decode.decoder import decode
from schemas.docs.error_codes import example_message
from schemas.docs.examples import example_data, example_event
from schemas.docs.json_schema import event_json_schema
from schemas.event import Event
from schemas.message import Message
from schemas.models.field_types import Id, Payload, Text, optional
from schemas.registry import REGISTRY
from schemas.tables.definitions import TABLES
from tests.support.events import ABSENT, accepted, make_event, make_message, with_data
from tests.support.golden import golden_cases

EVENT_TYPES = [event_type.name for event_type in REGISTRY]


def printed(capsys, *words: str):
    parser = argparse.ArgumentParser()
    arguments.add_arguments(parser)
    assert schema.run(parser.parse_args(words)) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_the_example_is_a_valid_event_of_every_known_field(name, capsys):
    event = printed(capsys, name, "--format", "example")
    event_type = REGISTRY.get(name)
    message = Message(event_type.topic, "1", example_message(b"").publish_time, {}, json.dumps(event).encode())
    outcome = decode(message)
    assert isinstance(outcome, Event)
    assert outcome.notes == ()
    assert set(event["data"]) == event_type.fields
    assert event["dataContentType"] == "application/json"


class Refund(Payload):
    refundId: Id
    reason: Text = optional(example="DAMAGED")
    comment: Text = optional()


def test_an_example_value_comes_from_the_model_that_declares_it():
    assert example_event(REGISTRY.get("payment.failed"))["data"]["reason"] == "CARD_DECLINED"
    assert example_data(Refund) == {"refundId": "refund-1", "reason": "DAMAGED", "comment": "text"}
    assert Refund.model_json_schema()["properties"]["reason"]["examples"] == ["DAMAGED"]


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_the_json_schema_accepts_the_example(name, capsys):
    contract = printed(capsys, name)
    jsonschema_rs.meta.validate(contract)
    jsonschema_rs.Draft202012Validator(contract).validate(example_event(REGISTRY.get(name)))
    assert set(contract["properties"]["data"]["properties"]) == REGISTRY.get(name).fields


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_avro_and_bigquery_are_those_of_its_table(name, capsys):
    table = TABLES[REGISTRY.get(name).table]
    assert printed(capsys, name, "--format", "avro") == table.avro_schema()
    assert fastavro.parse_schema(table.avro_schema())
    assert printed(capsys, name, "--format", "bigquery") == table.bigquery_fields()


@pytest.mark.parametrize(
    ("name", "hint"),
    [("Order.Creatd", "did you mean order.created?"), ("x", "known types: order.created, order.updated, ")],
)
def test_an_unknown_event_type_is_a_user_error(capsys, name, hint):
    with pytest.raises(UserError) as mistake:
        printed(capsys, name)
    assert f"EVENT_TYPE {name}: not in the contract; {hint}" in str(mistake.value)


def violations(event: dict) -> int:
    contract = event_json_schema(REGISTRY.get("order.created"))
    return len(list(jsonschema_rs.Draft202012Validator(contract).iter_errors(event)))


@pytest.mark.parametrize(
    "event",
    [
        make_event("order.created", eventId="x"),
        make_event("order.created", eventType="order.updated"),
        make_event("order.created", source="x"),
        make_event("order.created", dataContentType="text/plain"),
        make_event("order.created", metadata={}),
        make_event("order.created", data=ABSENT),
        with_data("order.created", orderId=ABSENT),
        with_data("order.created", orderId="a b"),
        with_data("order.created", orderId=None),
        with_data("order.created", status=None),
        with_data("order.created", items=[{"sku": "a"}]),
        with_data("order.created", items=[{"sku": "a", "quantity": 0}]),
        with_data("order.created", items=[{"sku": "a", "quantity": "1"}]),
        with_data("order.created", items=[{"sku": "a", "quantity": 2**63}]),
        with_data("order.created", currency="chf"),
        with_data("order.created", totalAmount="1e2"),
        with_data("order.created", totalAmount=-1),
        with_data("order.created", totalAmount="-0.01"),
        with_data("order.created", totalAmount=True),
        with_data("order.created", totalAmount="1." + "0" * 10),
    ],
)
def test_the_json_schema_rejects_what_decode_rejects(event):
    assert violations(event)


def test_the_json_schema_accepts_what_decode_accepts():
    taken = 0
    for case, _ in golden_cases():
        if case["expect"] == "valid" and "BOM_REMOVED" not in case.get("notes", []):
            event = json.loads(case["text"])
            contract = event_json_schema(REGISTRY.get(event["eventType"]))
            jsonschema_rs.Draft202012Validator(contract).validate(event)
            taken += 1
    assert taken > 50


def test_money_of_nought_may_be_signed_in_both():
    event = with_data("order.created", totalAmount="-0.00")
    assert violations(event) == 0
    assert accepted(make_message(event)).amount == 0
