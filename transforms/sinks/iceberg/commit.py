"""Commit the windows of a feed to its Iceberg table: afterwards the table holds the files that the manifests name.

A commit compares the files that the newest manifests of some hours name with the files that the table holds in these
hours. What the table lacks is added (`add_files`: rows are not rewritten). If it holds a file that is not named any more,
the whole hour is replaced: `delete` and `add_files` in one transaction. Therefore a commit that is repeated after a kill
changes nothing, and two processes that commit at once do not add a file twice: the later one plans again.

The table has files of its own (a hard link or a copy), because a superseded file leaves the feed's folder at once, while a
reader of an Iceberg snapshot may still read it.
"""

import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from schemas.tables.lake import LakeFeed
from schemas.timestamps import parse_rfc3339, to_rfc3339
from transforms.sinks.files.manifests import newest
from transforms.sinks.files.partitions import HOUR_US
from transforms.sinks.iceberg.table_files import take_over

if TYPE_CHECKING:
    from pyiceberg.expressions import BooleanExpression
    from pyiceberg.table import Table

RUN_ID, COMMIT_ID = "run_id", "commit_id"
"""Properties of a snapshot."""
ATTEMPTS = 10
_FIRST_WAIT_SECONDS = 0.05


@dataclass(frozen=True)
class Change:
    """What a table lacks and what it holds too much, by hour (hours since 1970)."""

    add: dict[int, list[str]]
    """Names of files in the feed's folder."""
    replace: frozenset[int]
    """Hours that hold a file that no manifest names any more; `add` has all files of these hours."""

    def __bool__(self) -> bool:
        return bool(self.add or self.replace)


def hour_of(partition: str) -> int:
    """Return the hours since 1970 of `dt=2026-06-15/hour=12`."""
    day, hour = (level.partition("=")[2] for level in partition.split("/"))
    return parse_rfc3339(f"{day}T{hour}:00:00Z")[0] // HOUR_US


def plan_change(named: dict[int, set[str]], held: dict[int, set[str]]) -> Change:
    """Compare the files that manifests name with those that a table holds, by hour and name."""
    replace = frozenset(hour for hour, names in held.items() if names - named.get(hour, set()))
    add = {hour: sorted(names if hour in replace else names - held.get(hour, set())) for hour, names in named.items()}
    return Change({hour: names for hour, names in add.items() if names}, replace)


def commit_windows(
    table: "Table",
    feed: LakeFeed,
    root: str,
    partitions: Iterable[str],
    run_id: str,
    commit_id: str | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Change | None:
    """Let a table hold what the newest manifests of some windows name.

    Args:
        table: the table of the feed.
        feed: the feed.
        root: the root of the lake.
        partitions: the windows, as `dt=2026-06-15/hour=12`.
        run_id: the run whose files are committed; a property of the snapshot.
        commit_id: identifies the commit; a table that has a snapshot of this id is left as it is.
        sleep: waits between two attempts.

    Returns:
        The change, or None if there was nothing to do.

    Raises:
        CommitFailedException: other processes committed first, `ATTEMPTS` times in a row.
    """
    from pyiceberg.exceptions import CommitFailedException

    hours = {hour_of(partition): partition for partition in partitions}
    if not hours:
        return None
    for attempt in range(ATTEMPTS):
        table.refresh()
        if commit_id is not None and has_commit(table, commit_id):
            return None
        try:
            change = plan_change(_named(root, feed, hours), _held(table, hours))
            if change:
                _commit(table, feed, root, hours, change, _properties(run_id, commit_id))
        except (CommitFailedException, FileNotFoundError):  # another process was faster: with the table, or the folder
            if attempt == ATTEMPTS - 1:
                raise
            sleep(_FIRST_WAIT_SECONDS * 2**attempt * (0.5 + random.random()))
        else:
            return change or None
    return None


def has_commit(table: "Table", commit_id: str) -> bool:
    """Tell whether a snapshot of the table has this commit id."""
    summaries = (snapshot.summary for snapshot in table.snapshots())
    return any(
        summary is not None and summary.additional_properties.get(COMMIT_ID) == commit_id for summary in summaries
    )


def _properties(run_id: str, commit_id: str | None) -> dict[str, str]:
    return {RUN_ID: run_id} | ({COMMIT_ID: commit_id} if commit_id is not None else {})


def _named(root: str, feed: LakeFeed, hours: dict[int, str]) -> dict[int, set[str]]:
    """Return the names of the Parquet files with rows that the newest manifests name."""
    named: dict[int, set[str]] = {}
    for hour, partition in hours.items():
        manifest = newest(root, feed.folder, partition)
        entries: list[dict[str, Any]] = manifest["files"] if manifest else []
        named[hour] = {entry["name"] for entry in entries if entry["rows"] and entry["name"].endswith(".parquet")}
    return named


def _held(table: "Table", hours: dict[int, str]) -> dict[int, set[str]]:
    """Return the names of the files that the table holds in these hours."""
    held: dict[int, set[str]] = {}
    for task in table.scan(row_filter=_within(table, min(hours), max(hours) + 1)).plan_files():
        hour = int(task.file.partition[0])
        if hour in hours:
            held.setdefault(hour, set()).add(task.file.file_path.rpartition("/")[2])
    return held


def _commit(
    table: "Table", feed: LakeFeed, root: str, hours: dict[int, str], change: Change, properties: dict[str, str]
) -> None:
    paths = take_over(table.location(), root, feed.folder, {hours[hour]: names for hour, names in change.add.items()})
    with table.transaction() as transaction:
        if change.replace:
            transaction.delete(_of_hours(table, change.replace), snapshot_properties=properties)
        if paths:
            transaction.add_files(paths, snapshot_properties=properties, check_duplicate_files=False)


def _of_hours(table: "Table", hours: Iterable[int]) -> "BooleanExpression":
    """Return the filter of some whole hours; hours that follow each other are one range."""
    from pyiceberg.expressions import AlwaysFalse, BooleanExpression, Or

    ranges: list[list[int]] = []
    for hour in sorted(hours):
        if ranges and ranges[-1][1] == hour:
            ranges[-1][1] += 1
        else:
            ranges.append([hour, hour + 1])
    found: BooleanExpression = AlwaysFalse()
    for start, end in ranges:
        found = Or(found, _within(table, start, end))
    return found


def _within(table: "Table", start: int, end: int) -> "BooleanExpression":
    from pyiceberg.expressions import And, GreaterThanOrEqual, LessThan

    [partition] = table.spec().fields
    column = table.schema().find_column_name(partition.source_id)
    first, after = (to_rfc3339(hour * HOUR_US).replace("Z", "+00:00") for hour in (start, end))
    return And(GreaterThanOrEqual(column, first), LessThan(column, after))
