"""What the contract does not know in an event: unknown fields, colliding keys, overlong integers in unknown places."""

from collections.abc import Iterator
from typing import Any

from schemas.envelope import FIELDS, METADATA_FIELDS
from schemas.fields import INT64_MAX
from schemas.outcomes import Code
from schemas.registry import EventType, Registry


def has_unknown_field(event: dict[str, Any], event_type: EventType) -> bool:
    """Tell whether the envelope, its metadata, the data or an object in a known list has an unknown field."""
    data = event["data"]
    if not (
        FIELDS.issuperset(event) and METADATA_FIELDS.issuperset(event["metadata"]) and event_type.fields.issuperset(data)
    ):
        return True
    for name, known in event_type.nested.items():
        items = data.get(name)
        if items:
            for item in items:
                if not known.issuperset(item):
                    return True
    return False


def look(event: dict[str, Any], registry: Registry) -> Iterator[Code]:
    """Find KEY_COLLISION, and JSON_NUMBER for integers over 64 bits in unknown fields, in any JSON object."""
    name = event.get("eventType")
    event_type = registry.get(name) if isinstance(name, str) else None
    for known, part in _known_objects(event, event_type):
        if len({key.lower() for key in part}) != len(part):
            yield Code.KEY_COLLISION
        if any(_overlong(value) for key, value in part.items() if key not in known):
            yield Code.JSON_NUMBER


def _known_objects(
    event: dict[str, Any], event_type: EventType | None
) -> Iterator[tuple[frozenset[str], dict[str, Any]]]:
    yield FIELDS, event
    metadata, data = event.get("metadata"), event.get("data")
    if isinstance(metadata, dict):
        yield METADATA_FIELDS, metadata
    if not isinstance(data, dict):
        return
    yield event_type.fields if event_type else frozenset(), data
    for name, known in event_type.nested.items() if event_type else ():
        items = data.get(name)
        for item in items if isinstance(items, list) else ():
            if isinstance(item, dict):
                yield known, item


def _overlong(value: Any) -> bool:
    if isinstance(value, int):
        return not -INT64_MAX - 1 <= value <= INT64_MAX
    if isinstance(value, dict):
        return any(map(_overlong, value.values()))
    return isinstance(value, list) and any(map(_overlong, value))


def envelope_extensions(event: dict[str, Any]) -> dict[str, Any]:
    """Return the unknown fields of the envelope and, under `metadata`, those of its metadata."""
    extra = {key: value for key, value in event.items() if key not in FIELDS}
    metadata = {key: value for key, value in event["metadata"].items() if key not in METADATA_FIELDS}
    if metadata:
        extra["metadata"] = metadata
    return extra
