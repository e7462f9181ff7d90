"""Files of the lake through Beam's FileSystems: a file appears whole or not at all, and is never overwritten.

Each is written under a temporary name beside its place, closed, verified by its size, and renamed to a final name
that no other file has. The manifest of its window is written last (transforms/sinks/files/manifests.py).
"""

import hashlib
import re
import uuid
from collections.abc import Sequence
from typing import NamedTuple

from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

MIME = "application/octet-stream"

Piece = bytes | memoryview


class LakeFile(NamedTuple):
    """A finished file. `feed` and `partition` name its window: `ml/iot_features`, `dt=2026-06-15/hour=12`."""

    feed: str
    partition: str
    name: str
    rows: int
    bytes: int
    sha256: str


class FileContent(NamedTuple):
    """What one file is to hold, on its way to the lake; `data` whole or in pieces."""

    feed: str
    partition: str
    extension: str
    rows: int
    data: bytes | Sequence[Piece]


class IncompleteFile(OSError):
    """A written file does not have the size of what was written; it was not given its final name."""


def write_file(root: str, content: FileContent, run_id: str) -> LakeFile:
    """Write one file of the lake and return what its manifest says of it."""
    folder = FileSystems.join(root, content.feed, content.partition)
    name = f"{run_id}-{uuid.uuid4().hex[:12]}.{content.extension}"
    size = write_whole(folder, name, content.data)
    digest = hashlib.sha256()
    for piece in _pieces(content.data):
        digest.update(piece)
    return LakeFile(content.feed, content.partition, name, content.rows, size, digest.hexdigest())


def write_whole(folder: str, name: str, data: bytes | Sequence[Piece]) -> int:
    """Write a file so that `name` is either absent or whole, and return its size; raise IncompleteFile where the
    store holds less, and BeamIOError where it holds nothing or does not answer.
    """
    pieces, store = _pieces(data), FileSystems.get_filesystem(folder)
    size = sum(map(len, pieces))
    temporary, final = store.join(folder, f".{name}.tmp"), store.join(folder, name)
    with store.create(temporary, MIME, CompressionTypes.UNCOMPRESSED) as file:
        for piece in pieces:
            file.write(piece)
    if store.size(temporary) != size:
        raise IncompleteFile(f"{temporary}: {size} bytes were written and the store does not hold them")
    store.rename([temporary], [final])
    return size


def names_in(folder: str, prefix: str) -> list[str]:
    """Return the names of a folder's files that begin with a prefix.

    Lists as Beam's own `match` does. That makes a regular expression of every path, which costs a folder of two files
    more than all else about it, and takes a `[` of the path for a pattern.
    """
    store = FileSystems.get_filesystem(folder)
    start = folder if store.has_dirs() else store.join(folder, prefix)
    names = (found.path.replace("\\", "/").rsplit("/", 1)[-1] for found in store._list(start))
    return [name for name in names if name.startswith(prefix)]


def literal(path: str) -> str:
    """Return a path as a pattern of `FileSystems.match` that stands for itself, whatever is in it."""
    return re.sub(r"[\[*?]", r"[\g<0>]", path)


def _pieces(data: bytes | Sequence[Piece]) -> Sequence[Piece]:
    return [data] if isinstance(data, bytes) else data
