"""An example of every event type, generated from its model, for `schema --format example` and `explain`."""

from typing import Any

from pydantic.fields import FieldInfo

from schemas.models.field_types import Payload, kinds_of
from schemas.registry import EventType, nested_model

EVENT_ID = "7b0d3a5e-0000-4000-8000-000000000001"
CORRELATION_ID = "7b0d3a5e-0000-4000-8000-000000000002"
CAUSATION_ID = "7b0d3a5e-0000-4000-8000-000000000003"
EVENT_TIME = "2024-01-15T10:30:00Z"
PUBLISH_TIME = "2024-01-15T10:30:02Z"

_BY_NAME = {
    "metric": "temperature",
    "unit": "C",
    "status": "CONFIRMED",
    "type": "RETAIL",
    "country": "CH",
    "name": "A. Person",
    "email": "a.person@example.org",
    "phone": "+41 44 000 00 00",
}
_BY_KIND = {"text": "text", "currency": "EUR", "quantity": 2, "money": "19.99", "number": 21.5, "time": EVENT_TIME}


def example_event(event_type: EventType) -> dict[str, Any]:
    """Return one valid event of this type with every known field."""
    return {
        "eventId": EVENT_ID,
        "eventType": event_type.name,
        "eventTime": EVENT_TIME,
        "source": event_type.source,
        "dataContentType": "application/json",
        "data": example_data(event_type.model),
        "metadata": {"correlationId": CORRELATION_ID, "causationId": CAUSATION_ID},
    }


def example_data(model: type[Payload]) -> dict[str, Any]:
    """Return a value for every field of a model."""
    return {name: _example(name, field) for name, field in model.model_fields.items()}


def _example(name: str, field: FieldInfo) -> Any:
    inner = nested_model(field)
    if inner is not None:
        return [example_data(inner)]
    if field.examples:
        return field.examples[0]
    kind = kinds_of(field)[0]
    if name in _BY_NAME:
        return _BY_NAME[name]
    return f"{name.removesuffix('Id')}-1" if kind == "id" else _BY_KIND[kind]
