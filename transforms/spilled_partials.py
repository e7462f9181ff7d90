"""Partials: what a bounded run's step has for another behind a shuffle, kept in files, so that names are shuffled only.

FnApiRunner holds in memory, more than once, what is shuffled: 66 bytes an event of facts and measurements are 265 MB at
four million events (docs/decisions/0012). A bundle writes one file; a partial is a stretch of it.
"""

import uuid
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple

from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems


class Stretch(NamedTuple):
    """Where a partial stands: a file, its first byte and how many there are."""

    path: str
    first: int
    size: int


Partial = bytes | Stretch
"""A partial as it is shuffled: itself, where a step was given no folder, or where it stands."""


class Partials:
    """Writes the partials of one bundle; readable once it is closed, which is before the bundle ends."""

    def __init__(self, folder: str | None) -> None:
        self._folder = folder
        self._path = ""
        self._file: Any = None
        self._end = 0

    def put(self, data: bytes) -> Partial:
        """Keep one partial and return what to shuffle of it."""
        if self._folder is None:
            return data
        if self._file is None:
            self._path = FileSystems.join(self._folder, f"{uuid.uuid4().hex}.partials")
            self._file = FileSystems.create(self._path, "application/octet-stream", CompressionTypes.UNCOMPRESSED)
        self._file.write(data)
        kept = Stretch(self._path, self._end, len(data))
        self._end += len(data)
        return kept

    def close(self) -> None:
        """Finish the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


def read_partials(partials: Iterable[Partial]) -> Iterator[bytes]:
    """Yield partials as they went in, file by file and in the order of each."""
    kept = []
    for partial in partials:
        if isinstance(partial, bytes):
            yield partial
        else:
            kept.append(Stretch(*partial))
    for path, parts in groupby(sorted(kept), key=attrgetter("path")):
        with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as file:
            for part in parts:
                file.seek(part.first)
                yield file.read(part.size)
