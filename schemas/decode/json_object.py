"""From bytes to a JSON object: the stages `bytes` and `json`, in the order of docs/data-contract.md#outcomes.

`parse_object` is the fast parser for regular messages. What it does not parse, `inspect_object` parses again with every
check; it raises the first error or returns the object.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable
from decimal import Decimal, InvalidOperation
from itertools import accumulate
from math import isinf
from typing import Any

import jiter

from schemas.decode.payload_format import SCHEMA_REGISTRY, binary_format, has_registry_prefix, wide_encoding
from schemas.message import MAX_BYTES
from schemas.outcomes import CODE_ORDER, Code, Rejected, Stage

MAX_DEPTH = 64
BOM = b"\xef\xbb\xbf"
JSON_SPACE = b" \t\n\r"

_COMPRESSED = (
    b"\x1f\x8b",  # gzip
    b"\x28\xb5\x2f\xfd",  # zstd
    b"\xfd7zXZ\x00",  # xz
    b"\x04\x22\x4d\x18",  # lz4
    b"\xff\x06\x00\x00sNaPpY",  # snappy, framed
    b"PK\x03\x04",  # zip
)
_BZIP2 = re.compile(rb"BZh[1-9]1AY&SY").match
_NOT_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1f]").search
_ZLIB = (b"x\x01", b"x^", b"x\x9c", b"x\xda")  # RFC 1950: deflate, 32 KiB window, each of the four levels
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_BRACKETS = bytes(byte for byte in range(256) if byte not in b"{}[]")
_STEP = {ord("{"): 1, ord("["): 1, ord("}"): -1, ord("]"): -1}
_TINY = Decimal("1e-999999")
_MAX_DIGITS = 400
"""An integer of more digits is over any double, and int() itself rejects 4,300."""


def check_bytes(data: bytes) -> None:
    """Check size, compression, emptiness and encoding; raise Rejected at stage `bytes`."""
    if len(data) > MAX_BYTES:
        raise Rejected(Stage.BYTES, Code.TOO_LARGE, "", f"the message is larger than {MAX_BYTES} bytes")
    if is_compressed(data):
        raise Rejected(Stage.BYTES, Code.COMPRESSED, "", "the payload is compressed; it is never inflated")
    if not data.removeprefix(BOM).strip(JSON_SPACE):
        raise Rejected(Stage.BYTES, Code.EMPTY, "", "the message has no payload")
    if has_registry_prefix(data):
        raise Rejected(Stage.BYTES, Code.ENCODING, "", f"the payload is not JSON text ({SCHEMA_REGISTRY})")
    if wide := wide_encoding(data):
        raise Rejected(Stage.BYTES, Code.ENCODING, "", f"the payload is not UTF-8 (it looks like {wide})")
    try:
        data.decode()
    except UnicodeDecodeError:
        raise Rejected(Stage.BYTES, Code.ENCODING, "", _with_format("the payload is not UTF-8", data)) from None


def _with_format(detail: str, data: bytes) -> str:
    found = binary_format(data)
    return detail if found is None else f"{detail} ({found})"


def is_compressed(data: bytes) -> bool:
    """Tell whether the bytes begin as a compressed stream does; zlib's two may begin a text too (`x^2`)."""
    if data.startswith(_COMPRESSED) or _BZIP2(data):
        return True
    return data.startswith(_ZLIB) and not _is_text(data)


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return not _NOT_TEXT(data)


def nests_too_deep(data: bytes) -> bool:
    """Tell whether objects and arrays nest deeper than 64, without parsing: a parser could overflow its stack."""
    if data.count(b"{") + data.count(b"[") <= MAX_DEPTH:
        return False
    brackets = _STRINGS.sub(b"", data).translate(None, _BRACKETS)
    return max(accumulate(map(_STEP.__getitem__, brackets)), default=0) > MAX_DEPTH


def parse_object(data: bytes) -> dict[str, Any] | None:
    """Parse a regular message, an object with unique keys; return None if `inspect_object` must parse it.

    Depth is not counted: jiter stops at its own limit, and whatever nests in a place unknown to the contract is
    inspected later.
    """
    if len(data) > MAX_BYTES:
        return None
    try:
        value = jiter.from_json(
            data, catch_duplicate_keys=True, float_mode="decimal", allow_inf_nan=False, cache_mode="keys"
        )
    except (ValueError, ArithmeticError):
        return None
    return value if type(value) is dict else None


class _Findings:
    """The errors of the slow parser, as the earliest code in the contract's order."""

    def __init__(self) -> None:
        self.worst: Code | None = None

    def add(self, code: Code) -> None:
        if self.worst is None or CODE_ORDER[code] < CODE_ORDER[self.worst]:
            self.worst = code

    def decimal(self, text: str) -> Decimal:
        if isinf(float(text)):
            self.add(Code.JSON_NUMBER)
            return Decimal(0)
        try:
            return Decimal(text)
        except InvalidOperation:  # an exponent that no Decimal holds; the double of it is 0
            return _TINY

    def integer(self, text: str) -> int:
        if len(text) > _MAX_DIGITS:
            self.add(Code.JSON_NUMBER)
            return 0
        return int(text)

    def constant(self, text: str) -> int:
        self.add(Code.JSON_NUMBER)
        return 0

    def pairs(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            self.add(Code.JSON_DUPLICATE_KEY)
            times = Counter(key for key, _ in pairs)
            return {key: value for key, value in found.items() if times[key] == 1}  # the others have no one value
        return found


_DETAIL = {
    Code.JSON_NUMBER: "a number is not finite or not representable",
    Code.JSON_DUPLICATE_KEY: "an object has the same key twice",
    Code.KEY_COLLISION: "two keys of an object differ only in case",
    Code.STRING_CONTENT: "a string holds a lone surrogate",
    Code.NOT_OBJECT: "the top level is not an object",
}


def inspect_object(data: bytes, look: Callable[[Any], Iterable[Code]]) -> dict[str, Any]:
    """Parse with every check of the stages `bytes` and `json`, the first failure naming the code.

    `look` finds errors that depend on the known fields: colliding keys, overlong integers in unknown fields.
    Depth is counted before parsing and names the code even if the text also has a syntax error: it is not parsed so deep.
    """
    check_bytes(data)
    text = data.removeprefix(BOM)
    if nests_too_deep(text):
        raise Rejected(Stage.JSON, Code.JSON_DEPTH, "", f"objects and arrays nest deeper than {MAX_DEPTH}")
    found = _Findings()
    try:
        value = json.loads(
            text.decode(),
            object_pairs_hook=found.pairs,
            parse_float=found.decimal,
            parse_int=found.integer,
            parse_constant=found.constant,
        )
    except ValueError:
        raise Rejected(Stage.JSON, Code.JSON_SYNTAX, "", _with_format("the payload is not JSON", data)) from None
    for code in look(value):
        found.add(code)
    if b"\\u" in text and _has_lone_surrogate(value):
        found.add(Code.STRING_CONTENT)
    if not isinstance(value, dict):
        found.add(Code.NOT_OBJECT)
    if found.worst is not None:
        raise Rejected(Stage.JSON, found.worst, "", _DETAIL[found.worst], value)
    assert isinstance(value, dict)
    return value


def _has_lone_surrogate(value: Any) -> bool:
    if isinstance(value, str):
        return not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value)
    if isinstance(value, dict):
        return any(_has_lone_surrogate(key) or _has_lone_surrogate(item) for key, item in value.items())
    return isinstance(value, list) and any(map(_has_lone_surrogate, value))
