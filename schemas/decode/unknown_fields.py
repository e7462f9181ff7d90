"""What the contract does not know in an event: unknown fields, colliding keys, overlong integers in unknown places."""

from collections.abc import Iterator
from typing import Any

from schemas.decode.envelope import FIELDS, METADATA_FIELDS, REQUIRED
from schemas.models.field_types import INT64_MAX, Payload
from schemas.outcomes import Code
from schemas.registry import EventType, Registry


def has_unknown_field(event: dict[str, Any], event_type: EventType, payload: Payload) -> bool:
    """Tell whether a checked event has an unknown field: in the envelope, its metadata, the data or a listed object.

    Every required field is there and `payload` says which of the data's fields are known, so counting is enough.
    """
    metadata, data = event["metadata"], event["data"]
    if (
        len(event) > len(REQUIRED) + ("dataContentType" in event)
        or len(metadata) > 1 + ("causationId" in metadata)
        or len(data) > len(payload.__pydantic_fields_set__)
    ):
        return True
    for name in event_type.nested:
        for item, known in zip(data.get(name, ()), getattr(payload, name) or (), strict=True):
            if len(item) > len(known.__pydantic_fields_set__):
                return True
    return False


def look(value: Any, event: Any, registry: Registry) -> Iterator[Code]:
    """Find KEY_COLLISION, and JSON_NUMBER for integers over 64 bits in unknown fields.

    `value` is any JSON, `event` the envelope that it spells: itself, but for a CloudEvent.
    """
    if not isinstance(value, dict):
        if _overlong(value):
            yield Code.JSON_NUMBER
        return
    if _collides(value):
        yield Code.KEY_COLLISION
    name = event.get("eventType")
    event_type = registry.get(name) if isinstance(name, str) else None
    for known, part in _known_objects(event, event_type):
        if _collides(part):
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
    for name, model in event_type.nested.items() if event_type else ():
        items = data.get(name)
        for item in items if isinstance(items, list) else ():
            if isinstance(item, dict):
                yield frozenset(model.model_fields), item


def _collides(part: dict[str, Any]) -> bool:
    return len({key.lower() for key in part}) != len(part)


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
