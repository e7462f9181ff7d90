"""Count what a block of Avro holds in maps and arrays before it is decoded: a byte there becomes a hundred in memory.

Only large blocks are looked through: what a small one becomes is bounded by its size.
"""

from collections.abc import Callable
from typing import Any

from schemas.avro_types import unwrap

LARGE_BLOCK_BYTES = 4 << 20
MAX_ENTRIES = 500_000
"""Most entries of maps and items of arrays in one block."""
_FIXED_SIZES = {"null": 0, "boolean": 1, "float": 4, "double": 8}
_Skip = Callable[["_Cursor"], None]


class TooManyEntries(ValueError):
    """A block holds more than MAX_ENTRIES."""


def check_entries(schema: Any, records: int, data: bytes) -> None:
    """Raise TooManyEntries if a block has more entries than are held; ValueError if it is damaged.

    Args:
        schema: the writer's schema.
        records: how many records the block says it holds.
        data: the block, inflated.
    """
    if len(data) < LARGE_BLOCK_BYTES:
        return
    skip, cursor = _skipper(schema, {}), _Cursor(data)
    for _ in range(records):
        skip(cursor)


class _Cursor:
    """A place in a block, and how many entries were passed."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at, self._entries = data, 0, 0

    def move(self, size: int) -> None:
        """Pass bytes."""
        self._at += size
        if size < 0 or self._at > len(self._data):
            raise ValueError("the block ends early")

    def long(self) -> int:
        """Pass a long and return it."""
        value = shift = 0
        while True:
            byte = self._data[self._at]
            self._at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return (value >> 1) ^ -(value & 1)
            shift += 7
            if shift > 63:
                raise ValueError("a number is too long")

    def count(self, entries: int) -> None:
        """Count entries."""
        self._entries += entries
        if self._entries > MAX_ENTRIES:
            raise TooManyEntries(f"has more than {MAX_ENTRIES:,} attributes and items")


def _skipper(given: Any, named: dict[str, _Skip]) -> _Skip:
    """Return a function that passes one value of a type."""
    if isinstance(given, list):
        branches = [_skipper(branch, named) for branch in given]
        return lambda cursor: branches[cursor.long()](cursor)
    kind, properties = unwrap(given)
    if isinstance(kind, list):
        return _skipper(kind, named)
    if kind in ("record", "error"):
        return _record(properties, named)
    if kind in ("array", "map"):
        item = _skipper(properties["items" if kind == "array" else "values"], named)
        return _entries(item, with_key=kind == "map")
    if kind in ("bytes", "string"):
        return lambda cursor: cursor.move(cursor.long())
    if kind in ("int", "long"):
        return lambda cursor: cursor.move(cursor.long() & 0)
    if kind in ("enum", "fixed"):
        size = int(properties.get("size", 0))
        skip: _Skip = (
            (lambda cursor: cursor.move(size)) if kind == "fixed" else (lambda cursor: cursor.move(cursor.long() & 0))
        )
        named[_name(properties["name"])] = skip
        return skip
    if kind in _FIXED_SIZES:
        width = _FIXED_SIZES[kind]
        return lambda cursor: cursor.move(width)
    return lambda cursor: named[_name(kind)](cursor)


def _record(properties: dict[str, Any], named: dict[str, _Skip]) -> _Skip:
    fields: list[_Skip] = []

    def skip(cursor: _Cursor) -> None:
        for field in fields:
            field(cursor)

    named[_name(properties["name"])] = skip
    fields += [_skipper(field["type"], named) for field in properties["fields"]]
    return skip


def _entries(item: _Skip, *, with_key: bool) -> _Skip:
    def skip(cursor: _Cursor) -> None:
        while count := cursor.long():
            if count < 0:
                count = -count
                cursor.long()
            cursor.count(count)
            for _ in range(count):
                if with_key:
                    cursor.move(cursor.long())
                item(cursor)

    return skip


def _name(name: Any) -> str:
    return str(name).rsplit(".", 1)[-1]
