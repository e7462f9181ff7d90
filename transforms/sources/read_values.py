"""Read the JSON values of a file that is no list of lines: an array, or objects over several lines.

Each object is a value, wherever its line ends are. Between objects, white space, commas and the brackets of an array
around them separate; any other text is a value of its own, so that it becomes a dead letter and is not lost. From an
object whose brackets do not close, the rest of the file is one value.
"""

import re
from collections.abc import Iterable, Iterator

from schemas.message_forms import BOM
from transforms.sources.read_lines import Line, Part

_NEXT_VALUE = re.compile(rb"[^\s,\[\]]").search
_END_OF_TEXT = re.compile(rb"[\s,\[\]{]").search
_STRUCTURE = re.compile(rb'["{}\[\]]').search
_IN_STRING = re.compile(rb'["\\]').search
_OPENING = frozenset(b"{[")


class Value:
    """One value and the number of the line where it begins, from 1."""

    __slots__ = ("line", "text")

    def __init__(self, line: int, text: Line) -> None:
        self.line, self.text = line, text


class ValueSplitter:
    """Find values in consecutive chunks of a file."""

    def __init__(self) -> None:
        self._part = Part()
        self._line, self._begun = 1, 1
        self._depth = 0
        self._within = ""
        """What is being read: nothing (""), an `object`, a `string` in it, an `escape` in that, or other `text`."""

    def split(self, chunk: bytes) -> Iterator[Value]:
        """Yield the values that end in a chunk."""
        position = 0
        while position < len(chunk):
            if not self._within:
                position = self._begin(chunk, position)
                continue
            end, done = self._advance(chunk, position)
            self._part.add(chunk[position:end])
            self._line += chunk.count(b"\n", position, end)
            position = end
            if done:
                self._within = ""
                yield Value(self._begun, self._part.end())

    def rest(self) -> Iterator[Value]:
        """Yield what the file's end cuts off."""
        if self._part.size:
            yield Value(self._begun, self._part.end())

    def _begin(self, chunk: bytes, position: int) -> int:
        """Go to where the next value begins."""
        found = _NEXT_VALUE(chunk, position)
        at = found.start() if found else len(chunk)
        self._line += chunk.count(b"\n", position, at)
        if found:
            self._begun, self._depth = self._line, 0
            self._within = "object" if found[0] == b"{" else "text"
        return at

    def _advance(self, chunk: bytes, position: int) -> tuple[int, bool]:
        """Return up to where the value is known to go on, and whether it ends there."""
        if self._within == "text":
            found = _END_OF_TEXT(chunk, position)
            return (found.start(), True) if found else (len(chunk), False)
        if self._within == "escape":
            self._within = "string"
            return position + 1, False
        while True:
            if self._within == "string":
                found = _IN_STRING(chunk, position)
                if not found:
                    return len(chunk), False
                position = found.end()
                if found[0] == b"\\":
                    if position == len(chunk):
                        self._within = "escape"
                        return position, False
                    position += 1
                    continue
                self._within = "object"
            found = _STRUCTURE(chunk, position)
            if not found:
                return len(chunk), False
            position = found.end()
            byte = chunk[found.start()]
            if byte == ord('"'):
                self._within = "string"
            else:
                self._depth += 1 if byte in _OPENING else -1
                if self._depth == 0:
                    return position, True


def read_values(chunks: Iterable[bytes]) -> Iterator[Value]:
    """Yield the values of a file that is given in chunks, without the byte order mark before them."""
    splitter = ValueSplitter()
    for number, chunk in enumerate(chunks):
        yield from splitter.split(chunk if number else chunk.removeprefix(BOM))
    yield from splitter.rest()
