"""DeviceFeaturesStream: the feature files of each window as it closes, and again whenever something late comes.

Measurements travel, not sums: sorted before anything is added up, they give the same floats as a batch run. What was
published after its window's lateness is in the telemetry feed and no feature; a replay of the hour takes it in.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pyarrow.compute as pc

from schemas.timestamps import SECOND_US, to_rfc3339
from transforms.defaults import DISORDER_SECONDS
from transforms.event_batch import EventBatch
from transforms.sinks.files.files import FileContent, LakeFile, stage_file
from transforms.sinks.files.live_manifests import add_to_manifests
from transforms.sinks.files.parquet import parquet_bytes
from transforms.sinks.files.partitions import hour_partition
from transforms.sinks.files.telemetry import TABLE
from transforms.windows.counts import from_ipc, to_ipc, window_starts
from transforms.windows.counts_stream import Partial, at_window, split_late, windows
from transforms.windows.features import FEED, features, measurements


@dataclass(kw_only=True)
class DeviceFeaturesStream(beam.PTransform[beam.PCollection[EventBatch], beam.PCollection[LakeFile]]):
    """Write the features of every window, one file per firing; the hour's manifest names the newest of each window."""

    root: str
    run_id: str
    window_seconds: int
    lateness_seconds: int
    disorder_seconds: int = DISORDER_SECONDS
    early_seconds: int = 0

    def __post_init__(self) -> None:
        if 3600 % self.window_seconds:
            raise ValueError(f"window_seconds must divide an hour for features, got {self.window_seconds}")

    def expand(self, pcoll: beam.PCollection[EventBatch]) -> beam.PCollection[LakeFile]:
        return (
            pcoll
            | "Measurements" >> beam.ParDo(_MeasurementsFn(self.window_seconds, self.lateness_seconds))
            | "AtWindow" >> beam.Map(at_window).with_output_types(Partial)
            | "Windows"
            >> windows(self.window_seconds, self.lateness_seconds, self.disorder_seconds, self.early_seconds)
            | "Group" >> beam.GroupByKey()
            | "Write" >> beam.ParDo(_WriteFn(self.root, self.run_id, self.window_seconds))
            | "Unwindow" >> beam.WindowInto(beam.window.GlobalWindows())
        )


class _MeasurementsFn(beam.DoFn):
    def __init__(self, window_seconds: int, lateness_seconds: int) -> None:
        self._window, self._lateness = window_seconds, lateness_seconds

    def process(self, batch: EventBatch) -> Iterator[Partial]:
        if batch.table != TABLE:
            return
        timely, _ = split_late(batch.rows, self._window, self._lateness)
        rows = measurements(timely)
        starts = window_starts(rows.column("event_time"), self._window)
        for start in starts.unique().to_pylist():
            part = rows.filter(pc.equal(starts, start))
            yield start, to_ipc(pa.Table.from_batches([part]))


class _WriteFn(beam.DoFn):
    def __init__(self, root: str, run_id: str, window_seconds: int) -> None:
        self._root, self._run_id, self._window = root, run_id, window_seconds

    def process(
        self,
        keyed: tuple[int, Iterable[bytes]],
        window: Any = beam.DoFn.WindowParam,
        pane: Any = beam.DoFn.PaneInfoParam,
    ) -> Iterator[LakeFile]:
        measured = pa.concat_tables(map(from_ipc, keyed[1]))
        start = window.start.micros
        prefix = f"{self._run_id}-{window_name(start)}-"
        done = stage_file(self._root, features_of_window(measured, start, self._window), f"{prefix}{pane.index:06d}")
        add_to_manifests(self._root, [done], self._run_id, supersedes=prefix)
        yield done


def window_name(start_us: int) -> str:
    """Return `120300` of a window's start: what names its files within the hour."""
    return to_rfc3339(start_us)[11:19].replace(":", "")


def features_of_window(measured: pa.Table, start_us: int, window_seconds: int) -> FileContent:
    """Return the Parquet file of one window's features."""
    table = features(measured, window_seconds)
    partition = hour_partition(start_us - start_us % SECOND_US)
    return FileContent(FEED, partition, "parquet", table.num_rows, parquet_bytes(table, FEED))
