"""Expire old snapshots of a table and delete the files that only they name: pyiceberg itself deletes none.

A kill between the two leaves files that no snapshot names. `remove_orphans` deletes such files once they are old enough
to belong to nobody.
"""

import time
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from apache_beam.io.filesystems import FileSystems

from transforms.sinks.files.files import literal
from transforms.sinks.iceberg.table_files import as_path

if TYPE_CHECKING:
    from pyiceberg.table import Table
    from pyiceberg.table.snapshots import Snapshot

KEPT_SNAPSHOTS = 60
KEPT_SECONDS = 3600
"""A reader that began with a snapshot may read it for so long. At one commit per minute that is `KEPT_SNAPSHOTS`."""
SLACK = 30
"""Snapshots are expired when there are so many too many, not one per commit."""
ORPHAN_SECONDS = 24 * 3600


def expire_snapshots(
    table: "Table",
    *,
    kept: int = KEPT_SNAPSHOTS,
    kept_seconds: float = KEPT_SECONDS,
    slack: int = SLACK,
    now: float | None = None,
) -> int:
    """Expire the snapshots that are neither among the newest nor young; return how many files were deleted.

    Args:
        table: the table.
        kept: the newest snapshots that stay.
        kept_seconds: snapshots younger than this stay, seconds.
        slack: do nothing unless more snapshots than this can go.
        now: seconds since 1970; None: the clock.
    """
    limit = ((time.time() if now is None else now) - kept_seconds) * 1000
    by_age = sorted(table.snapshots(), key=lambda snapshot: (snapshot.sequence_number or 0, snapshot.timestamp_ms))
    old = [snapshot for snapshot in by_age[: max(0, len(by_age) - kept)] if snapshot.timestamp_ms <= limit]
    protected = {ref.snapshot_id for ref in table.refs().values()}
    old = [snapshot for snapshot in old if snapshot.snapshot_id not in protected]
    if len(old) <= slack:
        return 0
    gone = _files(table, old)
    table.maintenance.expire_snapshots().by_ids([snapshot.snapshot_id for snapshot in old]).commit()
    table.refresh()
    unused = gone - _files(table, table.snapshots())
    _delete(table, unused)
    return len(unused)


def remove_orphans(table: "Table", *, older_than_seconds: float = ORPHAN_SECONDS, now: float | None = None) -> int:
    """Delete files under the table's location that it does not name and that are old; return how many."""
    used = {as_path(path) for path in _files(table, table.snapshots()) | _metadata_files(table)}
    limit = (time.time() if now is None else now) - older_than_seconds
    folder = as_path(table.location()).rstrip("/")
    found = FileSystems.match([f"{literal(folder)}/**"])[0].metadata_list
    orphans = [
        file.path for file in found if file.path not in used and 0 < (file.last_updated_in_seconds or 0) <= limit
    ]
    if orphans:
        FileSystems.delete(orphans)
    return len(orphans)


def _files(table: "Table", snapshots: Iterable["Snapshot"]) -> set[str]:
    """Return manifest lists, manifests and data files of snapshots; a manifest of many snapshots is read once."""
    from pyiceberg.manifest import ManifestEntryStatus

    found: set[str] = set()
    for snapshot in snapshots:
        found.add(snapshot.manifest_list)
        for manifest in snapshot.manifests(table.io):
            if manifest.manifest_path not in found:
                found.add(manifest.manifest_path)
                entries = manifest.fetch_manifest_entry(table.io, discard_deleted=False)
                found |= {entry.data_file.file_path for entry in entries if entry.status != ManifestEntryStatus.DELETED}
    return found


def _metadata_files(table: "Table") -> set[str]:
    return {table.metadata_location, *(entry.metadata_file for entry in table.metadata.metadata_log)}


def _delete(table: "Table", paths: Iterable[str]) -> None:
    for path in paths:
        with suppress(FileNotFoundError):
            table.io.delete(path)
