"""The contract's events as schemas of the OpenAPI document: one per event type, and `Event`, which is any of them."""

import json
from typing import Any

from schemas.docs.json_schema import event_json_schema
from schemas.registry import REGISTRY, Registry

REFERENCE = "#/components/schemas/"


def event_schemas(registry: Registry = REGISTRY) -> dict[str, dict[str, Any]]:
    """Return the schemas by name; objects within an event's data are schemas of their own."""
    made: dict[str, dict[str, Any]] = {}
    names = []
    for event_type in registry:
        schema = event_json_schema(event_type)
        schema.pop("$schema")
        definitions = schema.pop("$defs", {})
        names.append(schema_name(event_type.name))
        text = json.dumps(schema).replace("#/$defs/", REFERENCE)
        made |= {
            name: json.loads(json.dumps(inner).replace("#/$defs/", REFERENCE)) for name, inner in definitions.items()
        }
        made[names[-1]] = json.loads(text)
    mapping = {event_type.name: f"{REFERENCE}{schema_name(event_type.name)}" for event_type in registry}
    made["Event"] = {
        "description": "An event of the data contract.",
        "oneOf": [{"$ref": f"{REFERENCE}{name}"} for name in names],
        "discriminator": {"propertyName": "eventType", "mapping": mapping},
    }
    return made


def schema_name(event_type: str) -> str:
    """Return `OrderCreatedEvent` of `order.created`."""
    return "".join(part.capitalize() for part in event_type.split(".")) + "Event"
