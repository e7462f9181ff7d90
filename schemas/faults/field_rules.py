"""The rule of each field of an event, in words and as data: for `explain PATH` and for the faults of `validate --all`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic.fields import FieldInfo

from schemas.docs.examples import example_event
from schemas.models.field_types import INT64_MAX, Payload, kinds_of
from schemas.registry import REGISTRY, EventType, Registry, nested_model

_UUID = "a UUID: 8-4-4-4-12 hexadecimal digits, such as 7b0d3a5e-0000-4000-8000-000000000001"
_TIME = "an RFC 3339 time with Z or an offset, from 2000-01-01T00:00:00Z to 300 s after the publish time"
_OF_KIND = {
    "id": ("string", "1 to 128 characters of the pattern [A-Za-z0-9][A-Za-z0-9._:@-]*"),
    "currency": ("string", "three capital letters, pattern [A-Z]{3}"),
    "quantity": ("integer", f"an integer from 1 to {INT64_MAX}, without a decimal point"),
    "money": (
        "string or number",
        'an amount such as "19.99", not negative, at most 29 digits before the point and 9 after it',
    ),
    "number": ("number", "a finite number; an integer fits 64 bits"),
    "time": ("string", _TIME),
    "text": ("string", "any text"),
}
"""JSON type and rule of each kind of field (schemas/models/field_types.py)."""


@dataclass(frozen=True)
class FieldRule:
    """The rule of one field.

    Args:
        path: the field as dead letters name it, with `[*]` for every index.
        required: whether the field must be there.
        json_type: the JSON types that it takes.
        rule: pattern, bounds or allowed values, in words.
        example: a valid value; None for an object whose fields have rules of their own.
    """

    path: str
    required: bool
    json_type: str
    rule: str
    example: Any = None


def rules_of(event_type: EventType, registry: Registry = REGISTRY) -> dict[str, FieldRule]:
    """Return the rules of all fields of an event type, by path."""
    example = example_event(event_type)
    names = ", ".join(known.name for known in registry)
    envelope = [
        FieldRule("eventId", True, "string", _UUID, example["eventId"]),
        FieldRule("eventType", True, "string", f"one of {names}", event_type.name),
        FieldRule("eventTime", True, "string", _TIME, example["eventTime"]),
        FieldRule("source", True, "string", f"exactly {event_type.source} for {event_type.name}", event_type.source),
        FieldRule(
            "dataContentType", False, "string", "application/json, with or without parameters", "application/json"
        ),
        FieldRule("metadata", True, "object", "an object with correlationId"),
        FieldRule("metadata.correlationId", True, "string", _UUID, example["metadata"]["correlationId"]),
        FieldRule("metadata.causationId", False, "string or null", _UUID, example["metadata"]["causationId"]),
        FieldRule(
            "data", True, "object", f"the fields of {event_type.name}: `event-pipelines schema {event_type.name}`"
        ),
    ]
    data = _model_rules("data", event_type.model, example["data"])
    return {rule.path: rule for rule in (*envelope, *data)}


def find_rules(path: str, registry: Registry = REGISTRY) -> list[tuple[FieldRule, list[str]]]:
    """Return the different rules of a path, each with the event types that have it; indexes in the path do not count."""
    wanted = every_index(path)
    found: dict[FieldRule, list[str]] = {}
    for event_type in registry:
        rule = rules_of(event_type, registry).get(wanted)
        if rule is not None:
            key = next((known for known in found if _same_rule(known, rule)), rule)
            found.setdefault(key, []).append(event_type.name)
    return list(found.items())


def all_paths(registry: Registry = REGISTRY) -> list[str]:
    """Return the paths of all fields of all event types."""
    return sorted({path for event_type in registry for path in rules_of(event_type, registry)})


def every_index(path: str) -> str:
    """Return a path with `[*]` for its indexes."""
    return re.sub(r"\[\d+\]", "[*]", path)


def _same_rule(one: FieldRule, other: FieldRule) -> bool:
    return (one.path, one.required, one.json_type, one.rule) == (
        other.path,
        other.required,
        other.json_type,
        other.rule,
    )


def _model_rules(path: str, model: type[Payload], example: dict[str, Any]) -> Iterator[FieldRule]:
    for name, field in model.model_fields.items():
        yield from _field_rules(f"{path}.{name}", field, example[name])


def _field_rules(path: str, field: FieldInfo, example: Any) -> Iterator[FieldRule]:
    inner = nested_model(field)
    if inner is None:
        json_type, rule = _OF_KIND[kinds_of(field)[0]]
        yield FieldRule(path, field.is_required(), json_type, rule, example)
        return
    yield FieldRule(path, field.is_required(), "array", "a list of objects, which may be empty")
    yield FieldRule(f"{path}[*]", True, "object", "an object of the list")
    yield from _model_rules(f"{path}[*]", inner, example[0])
