"""Read lines within limits: of one that is too long, only its beginning, size and digest are held.

A range of a file reads the lines that begin in it, and no more than its own bytes to find the first of them: the
ranges of a file together read it once, however long its lines are.
"""

import hashlib
from collections.abc import Iterator
from itertools import accumulate
from typing import BinaryIO, NamedTuple

CHUNK_BYTES = 1 << 20
MAX_LINE_BYTES = 16 << 20
"""Pub/Sub's largest message is 10 MB, which base64 makes 13.4 MB: a longer line is no message."""
KEPT_BYTES = 64 << 10
"""How much of a line over the limit is held: as much as a dead letter keeps."""
LIST_LINES = 4096
"""Lines in a list at most: a read of one-byte lines would be half a million messages at once."""


class LongLine(NamedTuple):
    """A line or value of more than MAX_LINE_BYTES: its beginning, and the size and SHA-256 of the whole."""

    head: bytes
    size: int
    sha256: str


Line = bytes | LongLine


class Part:
    """A line or value of which more may come; over the limit only its digest grows."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.size = 0
        self._head, self._digest = b"", hashlib.sha256()

    def add(self, data: bytes) -> None:
        """Add the next bytes."""
        if not data:
            return
        self.size += len(data)
        self._parts.append(data)
        if self.size > MAX_LINE_BYTES:
            for part in self._parts:
                self._digest.update(part)
                self._head += part[: max(0, KEPT_BYTES - len(self._head))]
            self._parts = []

    def end(self) -> Line:
        """Return the whole, and begin the next one."""
        line: Line = b"".join(self._parts)
        if self.size > MAX_LINE_BYTES:
            line = LongLine(self._head, self.size, self._digest.hexdigest())
        self._parts, self.size = [], 0
        self._head, self._digest = b"", hashlib.sha256()
        return line


def read_lines(file: BinaryIO, start: int, end: int | None) -> Iterator[list[Line]]:
    """Yield the lines that begin in [start, end), without their ends; the last may run past `end`.

    Empty lines come as well, so that a caller can number lines. The lists hold at most LIST_LINES lines.
    """
    position = _first_line(file, start, end) if start else 0
    if end is not None and position >= end:
        return
    if start:
        file.seek(position)
    line_start, part, returns = position, Part(), False
    while chunk := file.read(CHUNK_BYTES):
        texts = chunk.split(b"\n")
        returns = returns or b"\r" in chunk
        if len(texts) == 1:
            part.add(chunk)
            position += len(chunk)
            continue
        rest = texts.pop()
        part.add(texts[0])
        lines: list[Line] = [part.end(), *texts[1:]]
        if end is not None and position + len(chunk) > end:
            lines = _before(lines, line_start, end)
        yield from _lists(lines, returns=returns)
        position += len(chunk)
        line_start, returns = position - len(rest), rest.endswith(b"\r")
        if end is not None and line_start >= end:
            return
        part.add(rest)
    if part.size:
        yield from _lists([part.end()], returns=True)


def _first_line(file: BinaryIO, start: int, end: int | None) -> int:
    """Return where the first line begins at or behind `start`; `end` or more when none begins before it.

    The byte before `start` is looked at too: only a line end there makes `start` the beginning of a line.
    """
    position = start - 1
    file.seek(position)
    while end is None or position < end:
        chunk = file.read(CHUNK_BYTES if end is None else min(CHUNK_BYTES, end - position))
        if not chunk:
            return position if end is None else max(position, end)
        found = chunk.find(b"\n")
        if found >= 0:
            return position + found + 1
        position += len(chunk)
    return position


def _before(lines: list[Line], start: int, end: int) -> list[Line]:
    """Return those of consecutive lines that begin before `end`; the first begins at `start`."""
    sizes = (line.size if isinstance(line, LongLine) else len(line) for line in lines)
    starts = accumulate(sizes, lambda at, size: at + size + 1, initial=start)
    return [line for at, line in zip(starts, lines, strict=False) if at < end]


def _lists(lines: list[Line], *, returns: bool) -> Iterator[list[Line]]:
    """Cut a list into shorter ones, with `returns` without the carriage returns at the ends of lines."""
    if returns:
        lines = [line.removesuffix(b"\r") if isinstance(line, bytes) else line for line in lines]
    for first in range(0, len(lines), LIST_LINES):
        yield lines[first : first + LIST_LINES]
