"""Every file under the root of a lake, by feed and partition, with what its name says of it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from apache_beam.io.filesystems import FileSystems

from transforms.sinks.files.files import literal
from transforms.sinks.files.manifests import is_manifest

_PATH = re.compile(
    r"(?P<within>(?:\.superseded/[^/]+/|\.shadow/[^/]+/|\.replay/[^/]+/)?)"
    r"(?P<feed>(?:archive/[^/]+|(?:undelivered/)?dead_letters)(?=/)|[^./][^=]*(?=/dt=))"
    r"/(?P<partition>(?:[^/]+/)*)(?P<name>[^/]+)"
)


@dataclass(frozen=True, order=True)
class StoredFile:
    """One file of a feed.

    `root` is the root of the lake that the file is part of: of the live lake, of a shadow, of a replay's staging, or a
    folder of superseded files. `updated` is in seconds since 1970, 0 when the store does not tell.
    """

    root: str
    feed: str
    partition: str
    name: str
    size: int
    updated: float
    shown: str

    def __str__(self) -> str:
        return self.shown

    @property
    def folder(self) -> str:
        """The folder of the file."""
        return str(FileSystems.join(self.root, self.feed, self.partition) if self.partition else
                   FileSystems.join(self.root, self.feed))  # fmt: skip

    @property
    def path(self) -> str:
        """The path of the file."""
        return str(FileSystems.join(self.folder, self.name))

    @property
    def is_manifest(self) -> bool:
        """Whether the file is a manifest, published or hidden."""
        return bool(is_manifest(self.name)) or self.name.startswith("._manifest-")

    @property
    def is_copy(self) -> bool:
        """Whether the file is superseded, or part of a shadow or of a replay's staging."""
        return self.shown.startswith(".")

    @property
    def hidden(self) -> bool:
        """Whether the file is hidden: not published yet, an open segment, or a lock."""
        return self.name.startswith(".")


def stored_files(root: str, *folders: str) -> Iterator[StoredFile]:
    """Yield the files of every feed under a lake's root, those of shadows, stagings and superseded ones included.

    Args:
        root: the root of the lake.
        folders: only files under these folders of the root, such as `archive`; none: all.
    """
    for folder in folders or ("",):
        start = FileSystems.join(root, folder) if folder else root
        for found in FileSystems.match([FileSystems.join(literal(start), "**")])[0].metadata_list:
            path = found.path.replace("\\", "/")
            shown = path[len(root.rstrip("/")) + 1 :]
            match = _PATH.fullmatch(shown)
            if match:
                yield StoredFile(
                    f"{root.rstrip('/')}/{match['within']}".rstrip("/"),
                    match["feed"],
                    match["partition"].rstrip("/"),
                    match["name"],
                    found.size_in_bytes,
                    found.last_updated_in_seconds or 0.0,
                    shown,
                )
