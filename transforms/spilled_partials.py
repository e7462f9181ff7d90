"""Partials: intermediate results of a batch run between two steps, written to files so that only their places are shuffled.

FnApiRunner holds shuffled data in memory, more than once: 66 bytes per event of facts and measurements are 265 MB at
four million events (docs/decisions/0012). A bundle writes one file; a partial is a part of it.
"""

import uuid
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple

from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems


class FilePart(NamedTuple):
    """The place of a partial: a file, its first byte and its size in bytes."""

    path: str
    first: int
    size: int


Partial = bytes | FilePart
"""A partial as it is shuffled: its bytes if the step has no folder, otherwise its place."""


class Partials:
    """Writes the partials of one bundle; readable once it is closed, which is before the bundle ends."""

    def __init__(self, folder: str | None) -> None:
        self._folder = folder
        self._path = ""
        self._file: Any = None
        self._end = 0

    def put(self, data: bytes) -> Partial:
        """Write one partial and return what is shuffled of it."""
        if self._folder is None:
            return data
        if self._file is None:
            self._path = FileSystems.join(self._folder, f"{uuid.uuid4().hex}.partials")
            self._file = FileSystems.create(self._path, "application/octet-stream", CompressionTypes.UNCOMPRESSED)
        self._file.write(data)
        kept = FilePart(self._path, self._end, len(data))
        self._end += len(data)
        return kept

    def close(self) -> None:
        """Finish the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


def read_partials(partials: Iterable[Partial]) -> Iterator[bytes]:
    """Yield partials, file by file and in the order of each file."""
    kept = []
    for partial in partials:
        if isinstance(partial, bytes):
            yield partial
        else:
            kept.append(FilePart(*partial))
    for path, parts in groupby(sorted(kept), key=attrgetter("path")):
        with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as file:
            for part in parts:
                file.seek(part.first)
                yield file.read(part.size)
