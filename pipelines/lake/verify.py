"""Compare every file of a lake with its manifest: it exists, has the size, and has the sha256."""

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from pipelines.lake.windows import Window, read_windows

_CHUNK = 1 << 20


class Problem(NamedTuple):
    """A file that is not what its manifest says. `is_damage` is False for what no manifest names."""

    path: str
    what: str
    is_damage: bool = True

    def __str__(self) -> str:
        return f"{self.path}: {self.what}"


class Verified(NamedTuple):
    """The result: files that were compared, their bytes, and the problems."""

    files: int
    bytes: int
    problems: list[Problem]


def verify_lake(root: str) -> Verified:
    """Compare all files of a lake with their manifests; nothing is changed."""
    files = size = 0
    problems: list[Problem] = []
    for window in read_windows(root):
        problems += _problems(window)
        files += len(window.entries)
        size += sum(entry["bytes"] for entry in window.entries)
    return Verified(files, size, problems)


def _problems(window: Window) -> Iterator[Problem]:
    sizes = {file.name: file.size for file in window.files}
    for entry in window.entries:
        shown = "/".join((window.feed, window.partition, entry["name"]))
        if entry["name"] not in sizes:
            yield Problem(shown, "is missing; its manifest names it")
        elif sizes[entry["name"]] != entry["bytes"]:
            yield Problem(shown, f"has {sizes[entry['name']]:,} bytes; its manifest says {entry['bytes']:,}")
        elif file_sha256(window.path(entry["name"])) != entry["sha256"]:
            yield Problem(shown, "has another sha256 than its manifest says")
    if window.manifest is None and any(not file.hidden for file in window.files):
        yield Problem(f"{window.feed}/{window.partition}", "has files and no manifest", is_damage=False)
    elif window.unnamed:
        for file in window.unnamed:
            yield Problem(str(file), "is named by no manifest", is_damage=False)


def file_sha256(path: str) -> str:
    """Return the sha256 of a file's bytes, as a manifest has it."""
    digest = hashlib.sha256()
    with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
