"""CommitWindows: a streaming run's files into the Iceberg tables, once a minute per table.

One key per table, so that one worker at a time commits to it. State holds the names of windows that have new files, not
of files: what is committed is what the windows' manifests name then.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import apache_beam as beam
from apache_beam.coders import StrUtf8Coder, VarIntCoder
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import BagStateSpec, ReadModifyWriteStateSpec, TimerSpec, on_timer
from apache_beam.transforms.window import GlobalWindow, GlobalWindows
from apache_beam.utils.timestamp import Timestamp

from schemas.tables.lake import LAKE_FEEDS
from transforms.sinks.files.files import LakeFile
from transforms.sinks.iceberg.catalog import CatalogSettings, IcebergError, load_table, open_catalog
from transforms.sinks.iceberg.commit import commit_windows
from transforms.sinks.iceberg.expire import expire_snapshots

if TYPE_CHECKING:
    from pyiceberg.table import Table

COMMIT_SECONDS = 60
_FEEDS = {feed.folder: feed for feed in LAKE_FEEDS}
_LOG = logging.getLogger(__name__)


@dataclass(kw_only=True)
class CommitWindows(beam.PTransform[beam.PCollection[LakeFile], beam.PCollection[tuple[str, int]]]):
    """Commit the windows of published files; output the table and how many files were added.

    A catalog that does not answer delays the commit: the windows are committed with the next ones.

    Args:
        settings: the catalog of the lake.
        root: the root of the lake.
        run_id: the run; a property of the snapshots.
        seconds: event time between two commits.
    """

    settings: CatalogSettings
    root: str
    run_id: str
    seconds: int = COMMIT_SECONDS

    def __post_init__(self) -> None:
        if self.seconds < 1:
            raise ValueError(f"seconds must be at least 1, got {self.seconds}")

    def expand(self, pcoll: beam.PCollection[LakeFile]) -> beam.PCollection[tuple[str, int]]:
        return (
            pcoll
            | "Unwindow" >> beam.WindowInto(GlobalWindows())
            | "ByTable" >> beam.Map(_window_of).with_output_types(tuple[str, str])
            | "Commit" >> beam.ParDo(_CommitFn(self.settings, self.root, self.run_id, self.seconds))
        )


def _window_of(file: LakeFile) -> tuple[str, str]:
    return file.feed, file.partition


class _CommitFn(beam.DoFn):
    WINDOWS = BagStateSpec("windows", StrUtf8Coder())
    DUE = ReadModifyWriteStateSpec("due", VarIntCoder())
    COMMIT = TimerSpec("commit", TimeDomain.WATERMARK)

    def __init__(self, settings: CatalogSettings, root: str, run_id: str, seconds: int) -> None:
        self._settings, self._root, self._run_id, self._seconds = settings, root, run_id, seconds
        self._tables: dict[str, Table] = {}

    def process(
        self,
        element: tuple[str, str],
        timestamp: Any = beam.DoFn.TimestampParam,
        windows: Any = beam.DoFn.StateParam(WINDOWS),
        due: Any = beam.DoFn.StateParam(DUE),
        commit: Any = beam.DoFn.TimerParam(COMMIT),
    ) -> None:
        windows.add(element[1])
        if due.read() is None:
            at = timestamp.micros + self._seconds * 1_000_000
            due.write(at)
            commit.set(Timestamp(micros=at))

    @on_timer(COMMIT)
    def commit_waiting(
        self,
        key: Any = beam.DoFn.KeyParam,
        fired: Any = beam.DoFn.TimestampParam,
        windows: Any = beam.DoFn.StateParam(WINDOWS),
        due: Any = beam.DoFn.StateParam(DUE),
        commit: Any = beam.DoFn.TimerParam(COMMIT),
    ) -> Iterator[tuple[str, int]]:
        """Commit the windows that wait."""
        waiting = sorted(set(windows.read()))
        try:
            added = self._commit(key, waiting)
        except Exception as error:  # of the catalog or the store: no row is lost, for the manifests name all files
            again = fired.micros + self._seconds * 1_000_000
            _LOG.warning("no commit to the Iceberg table of %s: %s", key, _text(error))
            if again < GlobalWindow().max_timestamp().micros:
                due.write(again)
                commit.set(Timestamp(micros=again))
                return
            added = 0  # the run ends; the next run, or `lake iceberg`, commits
        windows.clear()
        due.clear()
        yield key, added

    def _commit(self, folder: str, waiting: list[str]) -> int:
        feed = _FEEDS[folder]
        if folder not in self._tables:
            self._tables[folder] = load_table(open_catalog(self._settings), feed)
        table = self._tables[folder]
        change = commit_windows(table, feed, self._root, waiting, self._run_id)
        expire_snapshots(table)
        return sum(map(len, change.add.values())) if change is not None else 0


def _text(error: Exception) -> str:
    return str(error) if isinstance(error, IcebergError) else type(error).__name__
