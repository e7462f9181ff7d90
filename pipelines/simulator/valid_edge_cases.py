"""Valid edge cases: what the contract accepts, with or without a note, and real producers send."""

import re
from collections.abc import Callable
from random import Random
from typing import Final

from pipelines.simulator.clock import rfc3339, rfc3339_offset
from pipelines.simulator.event import Event, envelope

QUIRK_SHARE: Final = 0.05

Written = tuple[str, tuple[str, ...]]
Quirk = Callable[[Event, Random], Written | None]
"""Write an event as this edge case, with the notes it must have; None if the event cannot be one."""

_MONEY: Final = re.compile(r'"(amount|totalAmount|unitPrice)":"(\d+)\.(\d+)"')
_FREE_TEXT: Final = re.compile(r'"(name|reason|unit)":"')
_OFFSETS: Final = (0, 60, 120, 330, 345, 780)
_BOM: Final = "\ufeff"
_CONTROLS: Final = ("\\n", "\\t", "\\u001b[31m", "\\u0007", "\\u0000")


def write(event: Event, rng: Random) -> tuple[bytes, tuple[str, ...]]:
    """Return a planned event as bytes, one in twenty an edge case, and its expected notes."""
    if rng.random() < QUIRK_SHARE:
        written = _QUIRKS[int(rng.random() * len(_QUIRKS))](event, rng)
        if written is not None:
            text, notes = written
            return text.encode(), notes
    return envelope(event).encode(), ()


def _unknown_in_envelope(event: Event, rng: Random) -> Written:
    return envelope(event, extra=f',"traceparent":"00-{rng.getrandbits(128):032x}-01"'), ("UNKNOWN_FIELD",)


def _unknown_in_data(event: Event, rng: Random) -> Written:
    extra = f',"producer":{{"build":{rng.randrange(100, 999)},"canary":true,"tags":["a",null]}}}}'
    return envelope(event._replace(data=event.data[:-1] + extra)), ("UNKNOWN_FIELD",)


def _nanoseconds(event: Event, rng: Random) -> Written:
    return envelope(event, time=f"{rfc3339(event.time_us)[:-1]}{rng.randrange(1, 1000):03d}Z"), ("TIME_TRUNCATED",)


def _bom(event: Event, _rng: Random) -> Written:
    return _BOM + envelope(event), ("BOM_REMOVED",)


def _control_characters(event: Event, rng: Random) -> Written | None:
    match = _FREE_TEXT.search(event.data)
    if match is None:
        return None
    control = _CONTROLS[int(rng.random() * len(_CONTROLS))]
    data = event.data[: match.end()] + control + event.data[match.end() :]
    return envelope(event._replace(data=data)), ("CONTROL_CHARS",)


def _offset(event: Event, rng: Random) -> Written:
    return envelope(event, time=rfc3339_offset(event.time_us, _OFFSETS[int(rng.random() * len(_OFFSETS))])), ()


def _money_as_number(event: Event, _rng: Random) -> Written | None:
    if event.amount is None:
        return None
    return envelope(event._replace(data=_MONEY.sub(_number, event.data))), ()


def _number(match: re.Match[str]) -> str:
    """Write the amount as the shortest JSON number, which every JSON library writes."""
    name, whole, fraction = match.groups()
    return f'"{name}":{whole}.{fraction.rstrip("0") or "0"}'


def _no_content_type(event: Event, _rng: Random) -> Written:
    return envelope(event, content=None), ()


def _content_parameters(event: Event, _rng: Random) -> Written:
    return envelope(event, content='"application/json; charset=utf-8"'), ()


def _no_cause(event: Event, _rng: Random) -> Written:
    return envelope(event, root=""), ()


def _escaped(event: Event, _rng: Random) -> Written:
    """Write every character outside ASCII as an escape."""
    data = "".join(c if c < "\x7f" else f"\\u{ord(c):04x}" for c in event.data)
    return envelope(event._replace(data=data)), ()


_QUIRKS: Final[tuple[Quirk, ...]] = (
    _unknown_in_envelope,
    _unknown_in_data,
    _nanoseconds,
    _bom,
    _control_characters,
    _offset,
    _money_as_number,
    _no_content_type,
    _content_parameters,
    _no_cause,
    _escaped,
)
