"""CloudEvents 1.0: structured or with attributes, they become the same event as the envelope."""

import json

import pytest

from schemas.decode.decoder import Decoder
from schemas.registry import REGISTRY
from tests.support.events import (
    ABSENT,
    CAUSATION_ID,
    CORRELATION_ID,
    DATA,
    EVENT_ID,
    accepted,
    make_event,
    make_message,
    rejected,
    topic_of,
)

ACCEPTING = Decoder(accept_cloudevents=True)
EVENT_TYPES = [event_type.name for event_type in REGISTRY]


def structured(event_type: str = "order.updated", **changes) -> dict:
    event = make_event(event_type)
    cloud = {
        "specversion": "1.0",
        "id": event["eventId"],
        "type": event_type,
        "time": event["eventTime"],
        "source": event["source"],
        "datacontenttype": "application/json",
        "correlationid": CORRELATION_ID,
        "causationid": CAUSATION_ID,
        "data": event["data"],
        **changes,
    }
    return {key: value for key, value in cloud.items() if value is not ABSENT}


def attributes(prefix: str = "ce-", **changes) -> dict[str, str]:
    cloud = structured(**changes)
    return {f"{prefix}{key}": value for key, value in cloud.items() if key != "data"}


def message(event: dict, event_type: str = "order.updated", given: dict[str, str] | None = None):
    return make_message(json.dumps(event).encode(), topic_of(event_type), given)


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_a_structured_cloudevent_is_the_same_event(event_type):
    assert accepted(message(structured(event_type), event_type), ACCEPTING) == accepted(
        make_message(make_event(event_type))
    )


@pytest.mark.parametrize("prefix", ["ce-", "ce_"])
@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_a_cloudevent_of_attributes_is_the_same_event(event_type, prefix):
    given = attributes(prefix, event_type=event_type)
    assert accepted(message(DATA[event_type], event_type, given), ACCEPTING) == accepted(
        make_message(make_event(event_type), attributes=given)
    )


def test_its_data_may_follow_a_byte_order_mark():
    event = accepted(
        make_message(b"\xef\xbb\xbf" + json.dumps(DATA["order.updated"]).encode(), "orders", attributes()), ACCEPTING
    )
    assert json.loads(event.data) == DATA["order.updated"]
    assert event.notes == ("BOM_REMOVED",)


@pytest.mark.parametrize(
    "given",
    [attributes(datacontenttype=ABSENT), {**attributes(datacontenttype=ABSENT), "content-type": "application/json"}],
)
def test_the_content_type_may_be_absent_or_an_attribute(given):
    assert accepted(message(DATA["order.updated"], given=given), ACCEPTING).event_id == EVENT_ID


def test_its_own_content_type_precedes_the_transports():
    assert accepted(message(DATA["order.updated"], given=attributes() | {"content-type": "text/plain"}), ACCEPTING)
    given = attributes(datacontenttype="text/plain") | {"content-type": "application/json"}
    assert rejected(message(DATA["order.updated"], given=given), ACCEPTING).code == "CONTENT_TYPE"


def test_another_content_type_is_rejected():
    given = {**attributes(datacontenttype=ABSENT), "content-type": "text/plain"}
    assert rejected(message(DATA["order.updated"], given=given), ACCEPTING).code == "CONTENT_TYPE"
    assert rejected(message(structured(datacontenttype="text/plain")), ACCEPTING).code == "CONTENT_TYPE"


def test_a_cloudevent_is_accepted_only_with_the_option():
    assert accepted(message(structured()), Decoder(accept_cloudevents=True)).event_id == EVENT_ID
    assert rejected(message(structured())).path == "eventId"
    assert rejected(message(DATA["order.updated"], given=attributes())).path == "eventId"


@pytest.mark.parametrize("decoder", [Decoder(), ACCEPTING], ids=["plain", "accepting"])
def test_an_envelope_is_an_envelope_all_the_same(decoder):
    assert accepted(make_message(make_event()), decoder).event_id == EVENT_ID


def test_an_extension_is_an_unknown_field():
    event = accepted(message(structured(subject="s", dataschema="d")), ACCEPTING)
    assert event.notes == ("UNKNOWN_FIELD",)
    assert json.loads(event.extensions) == {"subject": "s", "dataschema": "d"}


def test_an_extension_does_not_change_how_data_is_judged():
    data = {**DATA["payment.processed"], "amount": 10**20}
    event = accepted(message(structured("payment.processed", subject="s", data=data), "payment.processed"), ACCEPTING)
    assert event.amount == 10**20


@pytest.mark.parametrize(
    ("event", "code", "path"),
    [
        (structured(id=ABSENT), "MISSING_FIELD", "eventId"),
        (structured(time=ABSENT), "MISSING_FIELD", "eventTime"),
        (structured(data=ABSENT, data_base64="e30="), "MISSING_FIELD", "data"),
        (structured(correlationid=ABSENT), "MISSING_FIELD", "metadata.correlationId"),
        (structured(id="evt-1"), "FIELD_FORMAT", "eventId"),
        (structured(id=1), "FIELD_TYPE", "eventId"),
        (structured(type="order.paid"), "UNKNOWN_EVENT_TYPE", "eventType"),
        (structured(source="/orders"), "SOURCE_NOT_ALLOWED", "source"),
        (structured(time="2026-03-01T11:59:00"), "TIME_FORMAT", "eventTime"),
        (structured(specversion="0.3"), "MISSING_FIELD", "eventId"),
        (structured(specversion=1.0), "MISSING_FIELD", "eventId"),
        (structured(ID="x"), "KEY_COLLISION", ""),
        (structured(data={**DATA["order.updated"], "Status": ""}), "KEY_COLLISION", ""),
        (structured(data={"orderId": "a", "items": [{"sku": "a", "SKU": "a", "quantity": 1}]}), "KEY_COLLISION", ""),
        (structured(extra=2**63), "JSON_NUMBER", ""),
        (structured(data={**DATA["order.updated"], "extra": 2**63}), "JSON_NUMBER", ""),
    ],
)
def test_a_cloudevent_keeps_the_same_rules(event, code, path):
    dead_letter = rejected(message(event), ACCEPTING)
    assert (dead_letter.code, dead_letter.path) == (code, path)


@pytest.mark.parametrize("name", ["eventId", "eventType", "eventTime", "dataContentType", "metadata"])
@pytest.mark.parametrize("value", ["x", {}, None], ids=repr)
def test_an_object_with_both_envelopes_is_not_a_cloudevent(name, value):
    dead_letter = rejected(message(structured(**{name: value})), ACCEPTING)
    collides = name == "dataContentType"  # with datacontenttype
    assert dead_letter.code == ("KEY_COLLISION" if collides else "MISSING_FIELD")
    given = attributes() | {f"ce-{name}": "x"}
    assert rejected(message(DATA["order.updated"], given=given), ACCEPTING).code == "MISSING_FIELD"


def test_an_envelope_with_a_specversion_is_an_envelope():
    event = accepted(make_message(make_event(specversion="1.0")), ACCEPTING)
    assert (event.event_id, event.notes) == (EVENT_ID, ("UNKNOWN_FIELD",))


def test_a_dead_cloudevent_names_its_event():
    dead_letter = rejected(message(structured(source="x", extra=2**63)), ACCEPTING)
    assert (dead_letter.code, dead_letter.event_id, dead_letter.event_type) == (
        "JSON_NUMBER",
        EVENT_ID,
        "order.updated",
    )


def test_attributes_of_an_event_whose_data_is_not_an_object():
    assert rejected(make_message(b"[]", "orders", attributes()), ACCEPTING).code == "NOT_OBJECT"
    assert rejected(make_message(b"", "orders", attributes()), ACCEPTING).code == "EMPTY"
