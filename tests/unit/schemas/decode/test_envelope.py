"""The envelope: each field's rule, and the order in which they are checked."""

import pytest

from schemas.decode.envelope import Envelope, check_envelope
from schemas.outcomes import Code, Rejected, Stage
from schemas.registry import REGISTRY
from schemas.timestamps import SECOND_US, parse_rfc3339
from tests.support.events import ABSENT, CAUSATION_ID, CORRELATION_ID, EVENT_ID, PUBLISHED_US, make_event


def checked(topic: str = "orders", **changes) -> Envelope:
    event = {**make_event(), **changes}
    event = {name: value for name, value in event.items() if value is not ABSENT}
    return check_envelope(event, topic, PUBLISHED_US, REGISTRY)


def rejection(topic: str = "orders", **changes) -> tuple[Code, str]:
    with pytest.raises(Rejected) as rejected:
        checked(topic, **changes)
    assert rejected.value.stage is Stage.ENVELOPE
    return rejected.value.code, rejected.value.path


def test_a_valid_envelope_is_accepted_unchanged():
    envelope = checked()
    assert envelope == Envelope(
        EVENT_ID,
        REGISTRY.get("order.updated"),
        parse_rfc3339("2026-03-01T11:59:00Z")[0],
        False,
        CORRELATION_ID,
        CAUSATION_ID,
        {"orderId": "B-2201", "status": "PACKED"},
    )


def test_ids_are_compared_and_stored_in_lower_case():
    metadata = {"correlationId": CORRELATION_ID.upper(), "causationId": CAUSATION_ID.upper()}
    envelope = checked(eventId=EVENT_ID.upper(), metadata=metadata)
    assert (envelope.event_id, envelope.correlation_id, envelope.causation_id) == (
        EVENT_ID,
        CORRELATION_ID,
        CAUSATION_ID,
    )


@pytest.mark.parametrize("metadata", [{}, {"causationId": None}], ids=["absent", "null"])
def test_the_first_event_of_a_flow_has_no_cause(metadata):
    assert checked(metadata={"correlationId": CORRELATION_ID, **metadata}).causation_id is None


@pytest.mark.parametrize("field", ["eventId", "eventType", "eventTime", "source", "data", "metadata"])
def test_a_required_field_must_be_there(field):
    assert rejection(**{field: ABSENT}) == (Code.MISSING_FIELD, field)


def test_correlation_id_must_be_there():
    assert rejection(metadata={}) == (Code.MISSING_FIELD, "metadata.correlationId")


@pytest.mark.parametrize("value", [None, 1, True, [], {}], ids=repr)
@pytest.mark.parametrize("field", ["eventId", "eventType", "eventTime", "source"])
def test_a_text_field_must_be_text(field, value):
    assert rejection(**{field: value}) == (Code.FIELD_TYPE, field)


@pytest.mark.parametrize("value", [None, 1, True, [], "{}"], ids=repr)
@pytest.mark.parametrize("field", ["data", "metadata"])
def test_an_object_field_must_be_an_object(field, value):
    assert rejection(**{field: value}) == (Code.FIELD_TYPE, field)


@pytest.mark.parametrize("value", [1, False, [], {}], ids=repr)
@pytest.mark.parametrize("field", ["correlationId", "causationId"])
def test_ids_of_metadata_must_be_text(field, value):
    metadata = {"correlationId": CORRELATION_ID, field: value}
    assert rejection(metadata=metadata) == (Code.FIELD_TYPE, f"metadata.{field}")


def test_only_causation_id_may_be_null():
    assert rejection(metadata={"correlationId": None}) == (Code.FIELD_TYPE, "metadata.correlationId")


BAD_UUIDS = {
    "empty": "",
    "a word": "evt-1",
    "braces": f"{{{EVENT_ID}}}",
    "URN": f"urn:uuid:{EVENT_ID}",
    "no hyphens": EVENT_ID.replace("-", ""),
    "hyphens elsewhere": "3f1c9a527-d44-4c1b-9f65-0a1b2c3d4e5f",
    "line break behind": EVENT_ID + "\n",
    "blank before": " " + EVENT_ID,
    "one digit less": EVENT_ID[:-1],
    "one digit more": EVENT_ID + "0",
    "no hex": "g" + EVENT_ID[1:],
    "full-width digit": "\uff13" + EVENT_ID[1:],
    "NUL behind": EVENT_ID + "\0",
    "a path": "../../etc/passwd",
    "10,000 characters": "e" * 10_000,
}


@pytest.mark.parametrize("value", BAD_UUIDS.values(), ids=BAD_UUIDS.keys())
def test_an_id_is_a_uuid_in_the_one_spelling(value):
    assert rejection(eventId=value) == (Code.FIELD_FORMAT, "eventId")
    assert rejection(metadata={"correlationId": value}) == (Code.FIELD_FORMAT, "metadata.correlationId")
    metadata = {"correlationId": CORRELATION_ID, "causationId": value}
    assert rejection(metadata=metadata) == (Code.FIELD_FORMAT, "metadata.causationId")


@pytest.mark.parametrize(
    "value",
    [
        ABSENT,
        "application/json",
        "application/json; charset=utf-8",
        "application/json;charset=utf-8",
        "application/json ; v=1",
        "APPLICATION/JSON",
    ],
    ids=lambda value: value if isinstance(value, str) else "absent",
)
def test_json_is_the_content_type(value):
    assert checked(dataContentType=value).event_id == EVENT_ID


@pytest.mark.parametrize(
    "value",
    [
        "", " application/json", "application/jsonx", "application/json charset=utf-8", "application/json\n",
        "text/json", "text/plain", "application/xml", "application/cloudevents+json", "json", None, 1,
        ["application/json"], {},
    ],
    ids=repr,
)  # fmt: skip
def test_any_other_content_type_is_rejected(value):
    assert rejection(dataContentType=value) == (Code.CONTENT_TYPE, "dataContentType")


@pytest.mark.parametrize(
    "value", ["", "order", "order.Updated", "order.updated ", "order.deleted", "../x", "*", "order.\u200bupdated"]
)
def test_an_event_type_is_known_by_exactly_its_name(value):
    assert rejection(eventType=value) == (Code.UNKNOWN_EVENT_TYPE, "eventType")


@pytest.mark.parametrize("topic", ["customers", "inventory", "iot-events", "orders-topic", "Orders", "", "unknown"])
def test_an_event_type_belongs_on_one_topic(topic):
    assert rejection(topic) == (Code.TOPIC_MISMATCH, "eventType")


@pytest.mark.parametrize(
    "source", ["", "payment-service", "Order-Service", "order-service ", "order-service\n", "order"]
)
def test_a_source_may_send_its_own_event_types_only(source):
    assert rejection(source=source) == (Code.SOURCE_NOT_ALLOWED, "source")


@pytest.mark.parametrize(
    "text", ["", "2026-03-01T11:59:00", "2026-03-01 11:59:00Z", "1772366340", "2026-02-29T00:00:00Z"]
)
def test_an_event_time_that_is_not_a_time(text):
    assert rejection(eventTime=text) == (Code.TIME_FORMAT, "eventTime")


@pytest.mark.parametrize(
    "text",
    [
        "1999-12-31T23:59:59.999999Z",
        "2000-01-01T00:00:00+00:01",
        "2026-03-01T12:05:00.000001Z",
        "2026-03-01T12:05:01Z",
        "2026-03-01T14:05:01+02:00",
        "9999-12-31T23:59:59-10:00",
        "0001-01-01T00:00:00+14:00",
        "0000-06-01T00:00:00Z",
    ],
)
def test_an_event_time_out_of_range(text):
    assert rejection(eventTime=text) == (Code.TIME_RANGE, "eventTime")


@pytest.mark.parametrize("text", ["2000-01-01T00:00:00Z", "2026-03-01T12:05:00Z", "1999-12-31T23:59:00-00:01"])
def test_an_event_time_at_the_edge_of_its_range(text):
    assert checked(eventTime=text).event_time == parse_rfc3339(text)[0]


def test_the_clock_is_the_publish_time_and_no_other():
    event = make_event(eventTime="2999-01-01T00:00:00Z")
    at = parse_rfc3339("2999-01-01T00:00:00Z")[0] - 300 * SECOND_US
    assert check_envelope(event, "orders", at, REGISTRY).event_time == at + 300 * SECOND_US
    with pytest.raises(Rejected):
        check_envelope(event, "orders", at - 1, REGISTRY)


FAULTS = [
    (Code.MISSING_FIELD, {"metadata": {"causationId": 1}}),
    (Code.FIELD_TYPE, {"data": []}),
    (Code.FIELD_FORMAT, {"eventId": "x"}),
    (Code.CONTENT_TYPE, {"dataContentType": "text/plain"}),
    (Code.UNKNOWN_EVENT_TYPE, {"eventType": "x.y"}),
    (Code.TOPIC_MISMATCH, {"eventType": "iot.telemetry"}),
    (Code.SOURCE_NOT_ALLOWED, {"source": "x"}),
    (Code.TIME_FORMAT, {"eventTime": "x"}),
    (Code.TIME_RANGE, {"eventTime": "1970-01-01T00:00:00Z"}),
]


@pytest.mark.parametrize("position", range(len(FAULTS) - 1), ids=[code.value for code, _ in FAULTS[:-1]])
def test_of_several_faults_the_first_in_order_is_reported(position):
    code, fault = FAULTS[position]
    for later_code, later in FAULTS[position + 1 :]:
        assert rejection(**{**later, **fault})[0] is code, later_code
