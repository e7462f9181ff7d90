"""Commit a lake's windows to its Iceberg tables from a command: after a batch run, a replay, a compaction or a kill."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from pipelines.config import JobConfig
from pipelines.errors import RunFailed
from pipelines.lake.listing import stored_files
from schemas.tables.lake import LAKE_FEEDS, LakeFeed
from transforms.sinks.files.partitions import HOUR_US, hour_partition
from transforms.sinks.iceberg.catalog import IcebergError, load_table, open_catalog, read_settings
from transforms.sinks.iceberg.commit import commit_windows
from transforms.sinks.iceberg.expire import expire_snapshots, remove_orphans

if TYPE_CHECKING:
    from pyiceberg.table import Table

REPAIR = "`event-pipelines lake iceberg` commits them"


class TableState(NamedTuple):
    """One table after a commit."""

    name: str
    added: int
    files: int
    rows: int
    snapshots: int
    deleted: int


def with_catalog(job: JobConfig) -> JobConfig:
    """Return the config of a streaming run with the catalog of its lake."""
    try:
        return job.model_copy(update={"iceberg": read_settings(job.lake)})
    except IcebergError as error:
        raise RunFailed(str(error)) from None


def commit_lake(
    root: str,
    run_id: str,
    partitions: Iterable[str] | None = None,
    commit_id: str | None = None,
    *,
    clean: bool = False,
) -> list[TableState]:
    """Let the tables of a lake hold what its manifests name; do nothing if the lake has no catalog.

    Args:
        root: the root of the lake.
        run_id: the run; a property of the snapshots.
        partitions: only these windows, as `dt=2026-06-15/hour=12`; None: all, those that only a table holds included.
        commit_id: identifies the commit; a table that has it is left as it is.
        clean: also expire all snapshots that are old enough, and delete files that killed commits left.

    Raises:
        RunFailed: the catalog or the store does not answer; the lake's files and manifests are as they were.
    """
    try:
        settings = read_settings(root)
        if settings is None:
            return []
        catalog = open_catalog(settings)
        given = None if partitions is None else list(partitions)
        states = []
        for feed in LAKE_FEEDS:
            table = load_table(catalog, feed)
            windows = _all_windows(root, feed, table) if given is None else given
            change = commit_windows(table, feed, root, windows, run_id, commit_id)
            deleted = expire_snapshots(table, slack=0) + remove_orphans(table) if clean else expire_snapshots(table)
            added = sum(map(len, change.add.values())) if change is not None else 0
            states.append(_state(table, feed, added, deleted))
    except IcebergError as error:
        raise RunFailed(f"{error}; the files of the lake are published, {REPAIR}") from error
    except Exception as error:  # of the catalog's client, by its kind
        raise RunFailed(
            f"Iceberg: the commit failed ({type(error).__name__}); the files of the lake are published, {REPAIR}"
        ) from error
    return states


def _all_windows(root: str, feed: LakeFeed, table: "Table") -> set[str]:
    windows = {file.partition for file in stored_files(root, feed.folder) if file.partition and not file.is_copy}
    held = (int(task.file.partition[0]) for task in table.scan().plan_files())
    return windows | {hour_partition(hour * HOUR_US) for hour in held}


def _state(table: "Table", feed: LakeFeed, added: int, deleted: int) -> TableState:
    files = [task.file for task in table.scan().plan_files()]
    rows = sum(file.record_count for file in files)
    return TableState(feed.name, added, len(files), rows, len(table.snapshots()), deleted)
