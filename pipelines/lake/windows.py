"""The windows of a lake: each feed's partitions with the files that their newest manifests name."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from apache_beam.io.filesystems import FileSystems

from pipelines.errors import UserError
from pipelines.lake.listing import StoredFile, stored_files
from schemas.timestamps import to_rfc3339
from transforms.sinks.files.manifests import is_manifest, read_state
from transforms.sinks.files.partitions import HOUR_US, hour_partition


@dataclass
class Window:
    """One partition of a feed. `manifest` is what its manifests add up to, None if it has none."""

    root: str
    feed: str
    partition: str
    files: list[StoredFile] = field(default_factory=list)
    manifest: dict[str, Any] | None = None

    @property
    def entries(self) -> list[dict[str, Any]]:
        """The manifest's entries: name, rows, bytes, sha256."""
        return list(self.manifest["files"]) if self.manifest else []

    @property
    def unnamed(self) -> list[StoredFile]:
        """Published data files that the newest manifest does not name."""
        named = {entry["name"] for entry in self.entries}
        return [file for file in self.files if not file.name.startswith((".", "_")) and file.name not in named]

    @property
    def merged(self) -> list[StoredFile]:
        """Published manifests that others contain."""
        live = set(self.manifest["manifests"]) if self.manifest else set()
        return [file for file in self.files if is_manifest(file.name) and file.name not in live]

    @property
    def hidden(self) -> list[StoredFile]:
        """Files that are not published: being written, or left by a killed run."""
        return [file for file in self.files if file.name.startswith(".")]

    def path(self, name: str) -> str:
        """Return the path of a file of the window."""
        return str(FileSystems.join(self.root, self.feed, self.partition, name))


def read_windows(root: str, feeds: Iterable[str] = ()) -> Iterator[Window]:
    """Yield the windows of a lake, by feed and partition.

    Args:
        root: the root of the lake.
        feeds: only these feeds, such as `ml/iot_features`; none: all.
    """
    windows: dict[tuple[str, str], Window] = {}
    for file in sorted(stored_files(root, *feeds)):
        if file.partition and not file.is_copy:
            window = windows.setdefault((file.feed, file.partition), Window(file.root, file.feed, file.partition))
            window.files.append(file)
    for _, window in sorted(windows.items()):
        folder = str(FileSystems.join(root, window.feed, window.partition))
        window.manifest = read_state(folder, [file.name for file in window.files])
        yield window


def feed_names(root: str) -> list[str]:
    """Return the feeds that a lake has."""
    return sorted({file.feed for file in stored_files(root) if not file.is_copy})


def find_feed(root: str, name: str) -> str:
    """Return the folder of a feed by its full or short name; UserError if there is none, or more than one."""
    names = feed_names(root)
    found = [feed for feed in names if name in (feed, feed.rsplit("/", 1)[-1])]
    if len(found) != 1:
        raise UserError(f"FEED {name}: no such feed; the lake has {', '.join(names) or 'none'}")
    return found[0]


def in_range(partition: str, start: int | None, end: int | None) -> bool:
    """Tell whether a partition, an hour or a day, overlaps a range of event time.

    Args:
        partition: such as `dt=2026-06-15/hour=12` or `dt=2026-06-15`.
        start: first instant, in microseconds since 1970; None: no limit.
        end: first instant after the range; None: no limit.
    """
    size = len(partition)
    first = hour_partition(start)[:size] if start is not None else ""
    last = hour_partition(end - 1)[:size] if end is not None else "dt=~"
    return first <= partition <= last


def closed_before(partition: str, now: int, hours: int) -> bool:
    """Tell whether a partition ended at least so many hours ago; `now` is in microseconds since 1970."""
    limit = hour_partition(now - hours * HOUR_US) if "/" in partition else f"dt={to_rfc3339(now)[:10]}"
    return partition < limit
