"""Check files of the lake against their manifests: size and sha256 of each, and that every window has a manifest.

`replay` and `lake verify` use the same functions. Every finding is a value, so that a caller can fail, skip or count.
"""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from apache_beam.io.filesystem import BeamIOError, CompressionTypes
from apache_beam.io.filesystems import FileSystems

from transforms.sinks.files.files import literal, names_in
from transforms.sinks.files.manifests import is_manifest, read_manifest, read_state

CHUNK_BYTES = 1 << 20
_HIDDEN = (".", "_")


class Damage(NamedTuple):
    """A file or window of the lake that is not what its manifest says; `reason` quotes no data."""

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class ManifestFile(NamedTuple):
    """One data file that a manifest names, with its full path."""

    path: str
    rows: int
    bytes: int
    sha256: str


class Window(NamedTuple):
    """One window of a feed (`dt=…/hour=…`): the files that its newest manifest names, and what is wrong with it.

    `unlisted` holds the paths of data files when the window has no manifest at all.
    """

    files: list[ManifestFile]
    damage: list[Damage]
    unlisted: list[str]


def read_window(root: str, feed: str, partition: str) -> Window:
    """Return a window's files without reading them; a manifest that cannot be used is damage."""
    folder = FileSystems.join(root, feed, partition)
    try:
        names = names_in(folder, "")
    except (BeamIOError, OSError):
        return Window([], [], [])
    if not any(map(is_manifest, names)):
        return Window(
            [], [], [FileSystems.join(folder, name) for name in sorted(names) if not name.startswith(_HIDDEN)]
        )
    return _read_named(folder, names)


def _read_named(folder: str, names: list[str]) -> Window:
    try:
        state = read_state(folder, names)
        return Window(_entries(folder, state or {}), [], [])
    except (ValueError, KeyError, TypeError, RecursionError, AttributeError):
        return Window([], [Damage(_damaged(folder, names), "the manifest is damaged")], [])
    except (BeamIOError, OSError) as error:
        path = _damaged(folder, names)
        return Window([], [Damage(path, f"the manifest cannot be read ({type(error).__name__})")], [])


def _damaged(folder: str, names: list[str]) -> str:
    """Return the path of the newest manifest that cannot be used, for a window that has one."""
    manifests = sorted(filter(is_manifest, names), reverse=True)
    for name in manifests:
        try:
            _entries(folder, read_manifest(folder, name))
        except Exception:  # whatever a damaged file raises: it is named, and that is all
            return str(FileSystems.join(folder, name))
    return str(FileSystems.join(folder, manifests[0]))


def check_window(root: str, feed: str, partition: str) -> Iterator[Damage]:
    """Yield what is wrong with one window: its manifest, then each of its files.

    Args:
        root: the lake, a folder or `gs://…`.
        feed: the feed's path below it, such as `archive/orders`.
        partition: the window, such as `dt=2026-06-15/hour=12`.
    """
    window = read_window(root, feed, partition)
    yield from window.damage
    if window.unlisted:
        yield missing_manifest(FileSystems.join(root, feed, partition), len(window.unlisted))
    yield from check_files(window.files)


def check_feed(root: str, feed: str) -> Iterator[Damage]:
    """Yield what is wrong with all windows of a feed, in order of their names."""
    for partition in list_partitions(root, feed):
        yield from check_window(root, feed, partition)


def check_files(files: Iterable[ManifestFile]) -> Iterator[Damage]:
    """Yield the files that are missing or differ from their manifest; each is read once, a chunk at a time."""
    for file in files:
        reason = check_file(file.path, file.bytes, file.sha256)
        if reason:
            yield Damage(file.path, reason)


def check_file(path: str, size: int, sha256: str) -> str:
    """Return what is wrong with a file of `size` bytes and a hexadecimal digest; empty when nothing is."""
    digest, found = hashlib.sha256(), 0
    try:
        with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as file:
            while chunk := file.read(CHUNK_BYTES):
                digest.update(chunk)
                found += len(chunk)
    except FileNotFoundError:
        return "the file is missing, its manifest names it"
    except (BeamIOError, OSError) as error:
        missing = not FileSystems.exists(path)
        return "the file is missing, its manifest names it" if missing else f"cannot be read ({type(error).__name__})"
    if found != size:
        return f"the file has {found:,} bytes, its manifest says {size:,}"
    return "" if digest.hexdigest() == sha256 else "the file's sha256 is not the one in its manifest"


def missing_manifest(folder: str, files: int) -> Damage:
    """Return the damage of a window whose data files no manifest names."""
    return Damage(
        folder, f"no manifest: it was deleted, or the run that wrote the folder's {files} file(s) did not end"
    )


def list_partitions(root: str, feed: str) -> list[str]:
    """Return the windows of a feed that hold any file, with or without a manifest."""
    pattern = FileSystems.join(literal(root), *feed.split("/"), "dt=*", "**")
    depth = len(FileSystems.join(root, feed).replace("\\", "/").rstrip("/").split("/"))
    found = FileSystems.match([pattern])[0].metadata_list
    folders = {"/".join(item.path.replace("\\", "/").split("/")[depth:-1]) for item in found}
    return sorted(folders)


def _entries(folder: str, manifest: Any) -> list[ManifestFile]:
    """Return a manifest's files; raise ValueError when an entry is of another form or leads out of the folder."""
    entries = [
        ManifestFile(entry["name"], entry["rows"], entry["bytes"], entry["sha256"]) for entry in manifest["files"]
    ]
    for name, rows, size, sha256 in entries:
        numbers = type(rows) is int and type(size) is int and rows >= 0 and size >= 0
        if not (isinstance(name, str) and isinstance(sha256, str) and numbers) or set(name) & set("/\\") or not name:
            raise ValueError("the manifest has an entry of another form")
    return [file._replace(path=FileSystems.join(folder, file.path)) for file in entries]
