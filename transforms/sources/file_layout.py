"""Tell from a file's beginning how its messages are laid out: lines, JSON values over lines, or Avro records."""

from typing import NamedTuple

import msgspec

from schemas.message_forms import BOM, looks_like_messages, tells_form
from transforms.sources.avro_container import MAGIC
from transforms.sources.read_values import ValueSplitter

HEAD_BYTES = 64 << 10
_SPACE = b" \t\r\n"
_decode = msgspec.json.Decoder(msgspec.Raw).decode


class Layout(NamedTuple):
    """How a file is read: `kind` is `lines`, `values` or `avro`; `default` is the form of what does not tell its own."""

    kind: str
    default: str


def layout_of(head: bytes) -> Layout:
    """Return the layout of a file by its first bytes, inflated.

    A file is one of values when its first object spans several lines, none of which is a message or event by itself
    (that would be a list of lines whose first was cut off), or when it begins with an array of objects.

    Args:
        head: the first HEAD_BYTES, or the whole of a smaller file, without the blank lines at its beginning.
    """
    if head.startswith(MAGIC):
        return Layout("avro", "messages")
    text = head.removeprefix(BOM).lstrip(_SPACE)
    first, line_end, _ = text.partition(b"\n")
    kind = "values" if _is_array(text) or (line_end and _spans_lines(first, text)) else "lines"
    value = _first_value(text) if kind == "values" else first
    return Layout(kind, "messages" if looks_like_messages(value) else "events")


def _is_array(text: bytes) -> bool:
    inner = text[1:].lstrip(_SPACE) if text.startswith(b"[") else b""
    return inner.startswith(b"{")


def _spans_lines(first: bytes, text: bytes) -> bool:
    if not text.startswith(b"{") or _is_value(first):
        return False
    value = _first_value(text)
    return b"\n" in value and not any(tells_form(line) for line in value.split(b"\n")[1:])


def _first_value(text: bytes) -> bytes:
    """Return the first value of a text, or all of it when no value ends there."""
    splitter = ValueSplitter()
    value = next(splitter.split(text), None) or next(splitter.rest(), None)
    return value.text if value is not None and isinstance(value.text, bytes) else text


def _is_value(text: bytes) -> bool:
    try:
        _decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True
