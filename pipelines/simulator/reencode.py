"""Encode the same event in other bytes, as a producer's retry may send it. The values are equal."""

import json
from random import Random
from typing import Any, Final

_BOM: Final = b"\xef\xbb\xbf"


def reencode(data: bytes, rng: Random) -> bytes:
    """Return the event with its keys in another order, other white space, or its eventId in upper case."""
    event: dict[str, Any] = json.loads(data.removeprefix(_BOM))
    how = rng.random()
    if how < 0.35:
        event = _reversed(event)
    elif how < 0.7:
        event["eventId"] = event["eventId"].upper()
    spaced = rng.random() < 0.5 or how >= 0.7
    separators = (" ,  ", " : ") if spaced else (",", ":")
    return json.dumps(event, ensure_ascii=rng.random() < 0.5, separators=separators).encode()


def _reversed(value: Any) -> Any:
    """Return the value with the keys of every object in it in reverse order."""
    if isinstance(value, dict):
        return {key: _reversed(value[key]) for key in reversed(value)}
    return [_reversed(item) for item in value] if isinstance(value, list) else value
