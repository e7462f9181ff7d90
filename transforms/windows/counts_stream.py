"""CountEventsStream: event_counts of a streaming run, one row per firing of a window; the latest pane wins.

A batch is reduced to partial counts first; only they go through Beam's windows and triggers. What was published after
its window and the allowed lateness would be dropped there: such counts become rows at once, each batch's under a run id
of its own (`RUN/late/…`), because rows of different runs add up (docs/decisions/0004).
"""

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pyarrow.compute as pc
from apache_beam.pvalue import TaggedOutput
from apache_beam.transforms import trigger
from apache_beam.transforms.window import FixedWindows, GlobalWindows, TimestampedValue
from apache_beam.typehints.decorators import no_annotations
from apache_beam.utils.timestamp import Timestamp

from schemas.tables.definitions import EVENT_COUNTS
from transforms.defaults import DISORDER_SECONDS
from transforms.event_batch import EventBatch
from transforms.metrics import late_mask
from transforms.table_rows import TableRows
from transforms.windows.counts import count_rows, event_count_rows, from_ipc, merge_counts, to_ipc

LATE = "late"
Partial = tuple[int, bytes]
COUNTED = ["event_time", "publish_time", "event_type", "amount"]


def windows(
    window_seconds: int, lateness_seconds: int, disorder_seconds: int = DISORDER_SECONDS, early_seconds: int = 0
) -> beam.WindowInto:
    """Return fixed windows that fire at their end and for everything late, each time with all they hold.

    With `early_seconds` they also fire before their end, so long after something came since the last time.
    """
    early = trigger.AfterProcessingTime(early_seconds) if early_seconds else None
    return beam.WindowInto(
        FixedWindows(window_seconds),
        trigger=trigger.AfterWatermark(early=early, late=trigger.AfterCount(1)),
        accumulation_mode=trigger.AccumulationMode.ACCUMULATING,
        allowed_lateness=lateness_seconds + disorder_seconds,
    )


@dataclass(kw_only=True)
class CountEventsStream(beam.PTransform[beam.PCollection[EventBatch], beam.PCollection[TableRows]]):
    """Turn event batches into rows of event_counts, by event time.

    Args:
        run_id: the run that the rows name.
        window_seconds: width of a window of event time, in seconds.
        lateness_seconds: events published later than this after their window's end are late.
        disorder_seconds: keep windows this much longer, for out-of-order delivery.
        early_seconds: fire this many seconds after the first event of a pane, before the end; 0: no early firings.
    """

    run_id: str
    window_seconds: int
    lateness_seconds: int
    disorder_seconds: int = DISORDER_SECONDS
    early_seconds: int = 0

    @no_annotations
    def expand(self, pcoll: beam.PCollection[EventBatch]) -> beam.PCollection[TableRows]:
        reduced = pcoll | "Reduce" >> beam.ParDo(_ReduceFn(self.window_seconds, self.lateness_seconds)).with_outputs(
            LATE, main="timely"
        )
        timely = (
            reduced.timely
            | "AtWindow" >> beam.Map(at_window).with_output_types(Partial)
            | "Windows"
            >> windows(self.window_seconds, self.lateness_seconds, self.disorder_seconds, self.early_seconds)
            | "Group" >> beam.GroupByKey()
            | "Rows" >> beam.ParDo(_RowsFn(self.run_id, self.window_seconds))
            | "Unwindow" >> beam.WindowInto(GlobalWindows())
        )
        late = reduced[LATE] | "LateRows" >> beam.ParDo(_LateRowsFn(self.run_id, self.window_seconds))
        return (timely, late) | "Both" >> beam.Flatten()


def at_window(partial: Partial) -> Any:
    """Give a partial (window start, bytes) its window's time, and all partials one key."""
    start, data = partial
    return TimestampedValue((0, data), Timestamp(micros=start))


def split_late(
    rows: pa.RecordBatch, window_seconds: int, lateness_seconds: int
) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """Split a wide batch into what was published within its window's lateness and what was not."""
    event = rows.column("event_time").cast(pa.int64()).to_numpy()
    publish = rows.column("publish_time").cast(pa.int64()).to_numpy()
    late = late_mask(event, publish, window_seconds, lateness_seconds)
    if not late.any():
        return rows, rows.slice(0, 0)
    return rows.filter(pa.array(~late)), rows.filter(pa.array(late))


class _ReduceFn(beam.DoFn):
    """Reduces a bundle's batches together: small batches cost as much to group as large ones."""

    def __init__(self, window_seconds: int, lateness_seconds: int) -> None:
        self._window, self._lateness = window_seconds, lateness_seconds

    def start_bundle(self) -> None:
        self._waiting: list[pa.RecordBatch] = []

    def process(self, batch: EventBatch) -> None:
        self._waiting.append(batch.rows.select(COUNTED))

    def finish_bundle(self) -> Iterator[Any]:
        if not self._waiting:
            return
        timely, late = split_late(pa.concat_batches(self._waiting), self._window, self._lateness)
        if timely.num_rows:
            counts = count_rows(timely, self._window)
            for start in pc.unique(counts["window_start"]).to_pylist():
                part = counts.filter(pc.equal(counts["window_start"], start))
                yield GlobalWindows.windowed_value((start, to_ipc(part)), Timestamp(micros=start))
        if late.num_rows:
            yield TaggedOutput(LATE, GlobalWindows.windowed_value(to_ipc(count_rows(late, self._window))))


class _RowsFn(beam.DoFn):
    def __init__(self, run_id: str, window_seconds: int) -> None:
        self._run_id, self._window = run_id, window_seconds

    def process(self, keyed: tuple[int, Iterable[bytes]], pane: Any = beam.DoFn.PaneInfoParam) -> Iterator[TableRows]:
        counts = merge_counts(map(from_ipc, keyed[1]))
        yield TableRows(EVENT_COUNTS.name, event_count_rows(counts, self._window, max(pane.index, 0), self._run_id))


class _LateRowsFn(beam.DoFn):
    def __init__(self, run_id: str, window_seconds: int) -> None:
        self._run_id, self._window = run_id, window_seconds

    def process(self, partial: bytes) -> Iterator[TableRows]:
        run_id = f"{self._run_id}/late/{secrets.token_hex(6)}"
        yield TableRows(EVENT_COUNTS.name, event_count_rows(from_ipc(partial), self._window, 0, run_id))
