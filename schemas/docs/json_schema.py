"""The contract of one event type as JSON Schema (draft 2020-12), for producers that check before they send.

JSON Schema cannot say all of it: see `LIMITS`. Whatever `decode` accepts passes the schema.
"""

from typing import Any

from schemas.registry import EventType

_UUID = {"type": "string", "pattern": "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"}
_JSON = "".join(f"[{char}{char.upper()}]" if char.isalpha() else char for char in "application/json")
LIMITS = (
    "Not in this schema: a message has at most 1,048,576 bytes of UTF-8 and 64 levels; no key is twice in an object, "
    "nor two that differ only in case; integers fit 64 bits and have no point; money has at most 9 digits after it; a "
    "time lies between 2000-01-01T00:00:00Z and 300 s after the message is published. `validate` checks all of it."
)


def event_json_schema(event_type: EventType) -> dict[str, Any]:
    """Return the JSON Schema of a whole event: unknown fields are allowed, as in the contract."""
    data = event_type.model.model_json_schema()
    definitions = data.pop("$defs", {})
    for part in (data, *definitions.values()):
        for field in part["properties"].values():
            del field["title"]
            field.pop("default", None)  # absent is not null: an optional field has no default
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": event_type.name,
        "description": LIMITS,
        "type": "object",
        "properties": {
            "eventId": _UUID,
            "eventType": {"const": event_type.name},
            "eventTime": {"type": "string", "format": "date-time"},
            "source": {"const": event_type.source},
            "dataContentType": {"type": "string", "pattern": rf"^{_JSON}[ \t]*(;|$)"},
            "data": data,
            "metadata": {
                "type": "object",
                "properties": {"correlationId": _UUID, "causationId": {"anyOf": [_UUID, {"type": "null"}]}},
                "required": ["correlationId"],
            },
        },
        "required": ["eventId", "eventType", "eventTime", "source", "data", "metadata"],
        **({"$defs": definitions} if definitions else {}),
    }
