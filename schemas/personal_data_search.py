"""Whether bytes name an entity, in whatever dress: refused messages are of every kind, and they too are personal data.

Looked through are JSON escapes, UTF-16 and UTF-32, gzip, zlib and bzip2, and base64 within text, as a torn line of
a message file has it. A longer id that begins or ends with the id is another's.
"""

import base64
import binascii
import bz2
import re
import zlib
from collections.abc import Iterator, Mapping

_INFLATED_BYTES = 8 << 20
"""As much of a compressed payload as is looked at: what a bomb would hold beyond that is not worth the memory."""
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{16,}={0,2}")
_ESCAPE = re.compile(rb"\\u00([0-7][0-9a-fA-F])")
_DEPTH = 3


class Mentions:
    """Finds one entity's id in payloads and attributes."""

    def __init__(self, entity_id: str) -> None:
        name = re.escape(entity_id.encode())
        self._find = re.compile(rb"(?<![A-Za-z0-9])(?<![A-Za-z0-9][._:@-])" + name + rb"(?![._:@-]*[A-Za-z0-9])").search

    def in_message(self, data: bytes, attributes: Mapping[str, str]) -> bool:
        """Tell whether a message's payload or attributes name the entity."""
        return self.in_bytes(data) or any(self._find(f"{key}\n{text}".encode()) for key, text in attributes.items())

    def in_bytes(self, data: bytes) -> bool:
        """Tell whether bytes name the entity, plainly or dressed."""
        return self._find(data) is not None or any(self._find(form) for form in _undressed(data, _DEPTH))


def _undressed(data: bytes, depth: int) -> Iterator[bytes]:
    """Yield what the bytes are underneath, and what that is underneath in turn."""
    if not depth:
        return
    for form in _forms(data):
        yield form
        yield from _undressed(form, depth - 1)


def _forms(data: bytes) -> Iterator[bytes]:
    if b"\\u00" in data:
        yield _ESCAPE.sub(lambda match: bytes([int(match[1], 16)]), data)
    if b"\0" in data:  # ids are ASCII: in UTF-16 and UTF-32 they are ASCII with zeros between
        yield data.replace(b"\0", b"")
    inflated = _inflate(data)
    if inflated:
        yield inflated
    for match in _BASE64.finditer(data):
        text = match[0].rstrip(b"=")
        try:
            yield base64.b64decode(text[: len(text) - (len(text) % 4 == 1)] + b"=" * (-len(text) % 4))
        except binascii.Error:
            continue


def _inflate(data: bytes) -> bytes:
    """Return what can be inflated, even of a stream that is cut off; nothing for other bytes."""
    try:
        if data.startswith(b"BZh"):
            return bz2.BZ2Decompressor().decompress(data, _INFLATED_BYTES)
        if data.startswith((b"\x1f\x8b", b"x")):
            return zlib.decompressobj(wbits=47).decompress(data, _INFLATED_BYTES)
    except (OSError, EOFError, zlib.error):
        pass
    return b""
