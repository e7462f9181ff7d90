"""The contract of an event type as JSON Schema: the envelope word for word, and what stays out of its data."""

from schemas.docs.json_schema import LIMITS, event_json_schema
from schemas.registry import REGISTRY

UUID = {"type": "string", "pattern": "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"}


def schema_of(name):
    return event_json_schema(REGISTRY.get(name))


def test_the_envelope_is_complete():
    schema = schema_of("payment.failed")
    data = schema["properties"].pop("data")
    assert (data["title"], "title" in data["properties"]["reason"]) == ("PaymentFailed", False)
    assert schema == {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "payment.failed",
        "description": LIMITS,
        "type": "object",
        "properties": {
            "eventId": UUID,
            "eventType": {"const": "payment.failed"},
            "eventTime": {"type": "string", "format": "date-time"},
            "source": {"const": "payment-service"},
            "dataContentType": {
                "type": "string",
                "pattern": "^[aA][pP][pP][lL][iI][cC][aA][tT][iI][oO][nN]/[jJ][sS][oO][nN][ \\t]*(;|$)",
            },
            "metadata": {
                "type": "object",
                "properties": {"correlationId": UUID, "causationId": {"anyOf": [UUID, {"type": "null"}]}},
                "required": ["correlationId"],
            },
        },
        "required": ["eventId", "eventType", "eventTime", "source", "data", "metadata"],
    }


def test_an_optional_field_has_no_default_for_absent_is_not_null():
    fields = schema_of("order.updated")["properties"]["data"]["properties"]
    assert [name for name, field in fields.items() if "default" in field or "title" in field] == []


def test_objects_within_are_defined_once_beside_the_event():
    schema = schema_of("order.created")
    (item,) = schema["$defs"].values()
    assert "$defs" not in schema["properties"]["data"]
    assert [name for name, field in item["properties"].items() if "default" in field or "title" in field] == []
