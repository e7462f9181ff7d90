"""The JSON of a payload under repair: parsed with every digit, encoded again, masked for a terminal."""

import json
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from schemas.repair.errors import NotRepaired


class _NoNumber:
    """NaN or Infinity: a rule may replace it, but it cannot be written."""


class _Digits(str):
    """A number as it is spelled."""


def parse_payload(payload: bytes) -> Any:
    """Return the payload's value; NotRepaired if it is not JSON or nests too deep."""
    try:
        return json.loads(payload.decode("utf-8-sig"), parse_float=Decimal, parse_constant=lambda _text: _NoNumber())
    except (ValueError, RecursionError, InvalidOperation):
        raise NotRepaired("the payload is not JSON") from None


def encode_payload(value: Any) -> bytes:
    """Return the value as JSON, numbers as they were spelled; NotRepaired if JSON or UTF-8 cannot hold it."""
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:
        raise NotRepaired("a text holds half of a surrogate pair") from None
    except RecursionError:
        raise NotRepaired("the payload nests too deep") from None


def _no_json(_value: object) -> Any:
    raise NotRepaired("a number is not finite")


_encoder = msgspec.json.Encoder(decimal_format="number", enc_hook=_no_json)


def mask(payload: bytes, keep: int = 2_000) -> str:
    """Return a payload for a terminal: shape, keys, types and punctuation; letters of values are x, digits 0.

    Args:
        payload: the bytes of a message.
        keep: longest text to return, in characters.
    """
    try:
        value = json.loads(payload.decode("utf-8-sig"), parse_float=_Digits, parse_int=_Digits, parse_constant=_Digits)
        text = _masked(value)
    except (ValueError, RecursionError):
        return f"({len(payload)} bytes that are not JSON)"
    text = text.encode("utf-8", "backslashreplace").decode()  # half of a surrogate pair in a key
    return text if len(text) <= keep else text[: keep - 1] + "…"


def _masked(value: Any) -> str:
    if isinstance(value, dict):
        return (
            "{"
            + ", ".join(f"{json.dumps(key, ensure_ascii=False)}: {_masked(item)}" for key, item in value.items())
            + "}"
        )
    if isinstance(value, list):
        return "[" + ", ".join(map(_masked, value)) + "]"
    if isinstance(value, str):
        text = "".join("0" if c.isdigit() else "x" if c.isalpha() else c for c in value)
        return text if isinstance(value, _Digits) else json.dumps(text, ensure_ascii=False)
    return json.dumps(value)
