"""Files of the lake through Beam's FileSystems: a file appears whole or not at all, and is never overwritten.

Each file is written under a hidden name in its folder, closed, verified by its size, and renamed to a final name that no
other file has. A staged file keeps its hidden name, which no reader's pattern matches, until its window's manifest is
published (transforms/sinks/files/publish.py).
"""

import hashlib
import re
import uuid
from collections.abc import Sequence
from typing import NamedTuple

from apache_beam.io.filesystem import BeamIOError, CompressionTypes
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
    """Write one file of the lake under its final name; return its manifest entry."""
    file = stage_file(root, content, run_id)
    reveal(FileSystems.join(root, file.feed, file.partition), [file.name])
    return file


def stage_file(root: str, content: FileContent, run_id: str) -> LakeFile:
    """Write one file of the lake under its hidden name; return its manifest entry, which has the final name."""
    folder = FileSystems.join(root, content.feed, content.partition)
    name = f"{run_id}-{uuid.uuid4().hex[:12]}.{content.extension}"
    size = stage_whole(folder, name, content.data)
    digest = hashlib.sha256()
    for piece in _pieces(content.data):
        digest.update(piece)
    return LakeFile(content.feed, content.partition, name, content.rows, size, digest.hexdigest())


def hidden_name(name: str) -> str:
    """Return the name of a file that is not published yet."""
    return f".{name}.tmp"


def write_whole(folder: str, name: str, data: bytes | Sequence[Piece]) -> int:
    """Write a file so that `name` is either absent or whole; return its size in bytes.

    Raises:
        IncompleteFile: the store holds fewer bytes than were written.
        BeamIOError: the store holds nothing or does not answer.
    """
    size = stage_whole(folder, name, data)
    reveal(folder, [name])
    return size


def stage_whole(folder: str, name: str, data: bytes | Sequence[Piece]) -> int:
    """Write a file under its hidden name; return its size in bytes. Raises what `write_whole` raises."""
    pieces, store = _pieces(data), FileSystems.get_filesystem(folder)
    size = sum(map(len, pieces))
    temporary = store.join(folder, hidden_name(name))
    with store.create(temporary, MIME, CompressionTypes.UNCOMPRESSED) as file:
        for piece in pieces:
            file.write(piece)
    if store.size(temporary) != size:
        raise IncompleteFile(f"{temporary}: {size} bytes were written and the store does not hold them")
    return size


def reveal(folder: str, names: Sequence[str], staged_in: str | None = None) -> None:
    """Give staged files their final names; files that have them already are left alone.

    Args:
        folder: the folder of the final names.
        names: the final names.
        staged_in: another folder, in which the files have their final names; None: they are hidden in `folder`.

    Raises:
        BeamIOError: a file is neither staged nor final, or the store does not answer.
    """
    if not names:
        return
    store = FileSystems.get_filesystem(folder)
    hidden = [store.join(staged_in, name) if staged_in else store.join(folder, hidden_name(name)) for name in names]
    final = [store.join(folder, name) for name in names]
    try:
        store.rename(hidden, final)
    except BeamIOError:  # those that were renamed before are not staged any more
        if any(store.exists(path) for path in hidden) or not all(store.exists(path) for path in final):
            raise


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
    """Return a path as a pattern of `FileSystems.match` that matches exactly that path, whatever is in it."""
    return re.sub(r"[\[*?]", r"[\g<0>]", path)


def _pieces(data: bytes | Sequence[Piece]) -> Sequence[Piece]:
    return [data] if isinstance(data, bytes) else data
