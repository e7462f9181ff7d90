"""Check the `data` of an event against its model: strict pydantic, whose errors become codes of the contract.

See docs/data-contract.md#outcomes.
"""

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from schemas.models.field_types import Payload
from schemas.outcomes import CODE_ORDER, Code, Rejected, Stage
from schemas.registry import EventType
from schemas.timestamps import MAX_AHEAD_US

_CODES = {
    "missing": Code.MISSING_FIELD,
    "contract_format": Code.FIELD_FORMAT,
    "string_pattern_mismatch": Code.FIELD_FORMAT,
    "contract_range": Code.FIELD_RANGE,
    "greater_than_equal": Code.FIELD_RANGE,
    "less_than_equal": Code.FIELD_RANGE,
}
DETAILS = {
    Code.MISSING_FIELD: "a required field is absent",
    Code.FIELD_TYPE: "the value has the wrong JSON type",
    Code.FIELD_FORMAT: "the text does not have the form that the contract gives this field",
    Code.FIELD_RANGE: "the value is outside the range that the contract gives this field",
}
_Place = tuple[int | str, ...]


def check_data(event_type: EventType, data: dict[str, Any], publish_time: int) -> Payload:
    """Validate the data of one event; raise Rejected with the first code in the contract's order."""
    try:
        payload: Payload = event_type.model.__pydantic_validator__.validate_python(data)
    except ValidationError as invalid:
        code, place = min(failures(event_type, data, invalid), key=lambda failure: CODE_ORDER[failure[0]])
        raise Rejected(Stage.DATA, code, path_of(place), DETAILS[code]) from None
    for name in event_type.times:
        moment = getattr(payload, name)
        if moment is not None and moment > publish_time + MAX_AHEAD_US:
            raise Rejected(
                Stage.DATA, Code.FIELD_RANGE, f"data.{name}", "the time is more than 300 s after the publish time"
            )
    return payload


def failures(event_type: EventType, data: dict[str, Any], invalid: ValidationError) -> Iterator[tuple[Code, _Place]]:
    """Yield every failure, those behind the first bad object of a list one by one: there may be half a million."""
    yield from _errors(invalid)
    for name, model in event_type.nested.items():
        items = data.get(name)
        for position, item in enumerate(items if isinstance(items, list) else ()):
            try:
                model.__pydantic_validator__.validate_python(item)
            except ValidationError as bad:
                for code, place in _errors(bad):
                    yield code, (name, position, *place)


def _errors(invalid: ValidationError) -> Iterator[tuple[Code, _Place]]:
    for error in invalid.errors(include_url=False, include_context=False, include_input=False):
        yield _CODES.get(error["type"], Code.FIELD_TYPE), error["loc"]


def path_of(place: _Place) -> str:
    """Return `data.items[0].quantity` of pydantic's location; it holds names of the model only, and positions."""
    return "data" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
