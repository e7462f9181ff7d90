"""Recognise payloads that are no JSON text, so that a dead letter can say what they look like. No byte is quoted."""

import re

_BOMS = {  # the longer ones first: UTF-32 starts like UTF-16
    b"\xff\xfe\x00\x00": "UTF-32",
    b"\x00\x00\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
_FILES = {b"Obj\x01": "an Avro file", b"PAR1": "a Parquet file", b"%PDF": "a PDF", b"\x89PNG": "a picture"}
# RFC 4627 section 3: JSON begins with two ASCII characters, so the zeros tell UTF-16 and UTF-32 of either order.
_WIDE = re.compile(rb"\x00\x00\x00[^\x00]|[^\x00]\x00\x00\x00|\x00[^\x00]\x00[^\x00]|[^\x00]\x00[^\x00]\x00").match
# A JSON text in UTF-32 or UTF-16, most significant byte first, of which the first two characters are looked at.
_WIDE_JSON = re.compile(rb"\x00\x00\x00[{\[](?:\x00\x00\x00|$)|\x00[{\[]\x00[^\x00](?:\x00|$)").match
_PREFIX = 5
_JSON_STARTS = b'{["'
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f]").search

SCHEMA_REGISTRY = (
    "it starts with the prefix of a schema registry, a zero byte and a schema id; publish the JSON text without it"
)


def has_registry_prefix(data: bytes) -> bool:
    """Tell whether the payload starts with Confluent's prefix: a zero byte and a schema id of four bytes.

    What follows is JSON, Avro or Protobuf. UTF-16 and UTF-32 may start with a zero byte too, and have zeros further on.
    See https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format.
    """
    if data[:1] != b"\x00" or len(data) <= _PREFIX or data.startswith(tuple(_BOMS)):
        return False
    if data[_PREFIX] in _JSON_STARTS and data[_PREFIX + 1 : _PREFIX + 2] != b"\x00":
        return True
    return any(data[1:_PREFIX]) and not _WIDE_JSON(data) and data.lstrip(b"\x00")[:1] not in (b"{", b"[")


def wide_encoding(data: bytes) -> str | None:
    """Return UTF-16 or UTF-32 if the payload starts like a text in one of them."""
    for bom, name in _BOMS.items():
        if data.startswith(bom):
            return name
    return "UTF-16 or UTF-32" if _WIDE(data) else None


def binary_format(data: bytes) -> str | None:
    """Return in fixed words what a payload that is no JSON text looks like; None for text."""
    for magic, name in _FILES.items():
        if data.startswith(magic):
            return f"it looks like {name}"
    if _CONTROL(data):
        return "it has control characters, as Avro, Protobuf and MessagePack do"
    return None
