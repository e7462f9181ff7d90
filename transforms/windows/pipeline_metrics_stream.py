"""MeasureStream: rows of pipeline_metrics while a streaming run runs, one per window and topic, silent topics too.

Windows are of the publish time and close when the watermark passes their end. The stateful step is keyed by topic, a thin
shell over transforms/windows/topic_monitor.py. An alert is in the rows in which it begins (`LAG`) and ends (`LAG_END`), not
in those between.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.coders import BytesCoder
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec, TimerSpec, on_timer
from apache_beam.transforms.window import GlobalWindows
from apache_beam.typehints.decorators import no_annotations
from apache_beam.utils.timestamp import Timestamp

from schemas.tables.definitions import PIPELINE_METRICS
from schemas.timestamps import SECOND_US
from transforms.clock import Clock, wall_us
from transforms.metrics import BatchMetrics, MeasuredBatch, window_of
from transforms.state_layout import state_name
from transforms.table_rows import TableRows
from transforms.windows.pipeline_metrics import metric_rows
from transforms.windows.topic_monitor import AlertRules, ClosedWindow
from transforms.windows.topic_monitor_state import LAYOUT, STATE, pack_monitor, unpack_monitor

END = "_END"
TopicMeasures = tuple[str, MeasuredBatch]


@dataclass(kw_only=True)
class MeasureStream(beam.PTransform[Any, beam.PCollection[TableRows]]):
    """Turn the measures of every step, one collection each, into rows of pipeline_metrics.

    Args:
        run_id: the run that the rows name.
        window_seconds: width of a window, in seconds.
        topics: get a row per window from `started` on, even without messages.
        started: start of the run, UTC microseconds.
        rules: when alerts begin.
        clock: the wall clock, UTC microseconds.
    """

    run_id: str
    window_seconds: int
    topics: list[str]
    started: int
    rules: AlertRules = field(default_factory=AlertRules)
    clock: Clock = wall_us

    @no_annotations  # Beam knows single inputs only
    def expand(self, measured: tuple[beam.PCollection[MeasuredBatch], ...]) -> beam.PCollection[TableRows]:
        watched = (
            measured[0].pipeline
            | "Topics" >> beam.Create(self.topics, reshuffle=False)
            | "Watched" >> beam.Map(_nothing, self.started, self.window_seconds).with_output_types(TopicMeasures)
        )
        by_topic = [
            pcoll
            | f"Unwindow{number}" >> beam.WindowInto(GlobalWindows())
            | f"ByTopic{number}" >> beam.ParDo(_by_topic).with_output_types(TopicMeasures)
            for number, pcoll in enumerate(measured)
        ]
        return (watched, *by_topic) | "All" >> beam.Flatten() | "Watch" >> beam.ParDo(_WatchFn(self))


def _nothing(topic: str, started: int, window_seconds: int) -> TopicMeasures:
    return topic, [BatchMetrics(window_of(started, window_seconds), topic)]


def _by_topic(measured: MeasuredBatch) -> Iterator[TopicMeasures]:
    topics: dict[str, MeasuredBatch] = {}
    for measure in measured:
        topics.setdefault(measure.topic, []).append(measure)
    yield from topics.items()


class _WatchFn(beam.DoFn):
    WATCH = ReadModifyWriteStateSpec(state_name(STATE, LAYOUT), BytesCoder())
    CLOSE = TimerSpec("close", TimeDomain.WATERMARK)

    def __init__(self, spec: MeasureStream) -> None:
        self._run_id, self._window, self._rules, self._clock = spec.run_id, spec.window_seconds, spec.rules, spec.clock

    def process(
        self,
        element: TopicMeasures,
        state: Any = beam.DoFn.StateParam(WATCH),
        close: Any = beam.DoFn.TimerParam(CLOSE),
    ) -> None:
        topic, measured = element
        monitor = unpack_monitor(state.read(), topic)
        monitor.add(measured)
        assert monitor.next_window is not None
        close.set(self._end(monitor.next_window))
        state.write(pack_monitor(monitor))

    @on_timer(CLOSE)
    def close_windows(
        self,
        topic: Any = beam.DoFn.KeyParam,
        fired: Any = beam.DoFn.TimestampParam,
        state: Any = beam.DoFn.StateParam(WATCH),
        close: Any = beam.DoFn.TimerParam(CLOSE),
    ) -> Iterator[TableRows]:
        """Close the window that is over. After the end of a drained run only windows that hold something are closed."""
        monitor = unpack_monitor(state.read(), topic)
        if monitor.next_window is None:
            return  # DirectRunner fires once more what was set before the state was cleared
        size = self._window * SECOND_US
        closed = monitor.close(fired.micros - size + 1, self._window, self._rules)
        if monitor.open or monitor.next_window <= self._clock():
            close.set(self._end(monitor.next_window))
            state.write(pack_monitor(monitor))
        else:
            state.clear()
        if closed:
            yield TableRows(PIPELINE_METRICS.name, watch_rows(closed, self._window, self._run_id))

    def _end(self, window_start: int) -> Timestamp:
        return Timestamp(micros=window_start + self._window * SECOND_US)


def watch_rows(closed: Iterable[ClosedWindow], window_seconds: int, run_id: str) -> pa.RecordBatch:
    """Return rows of pipeline_metrics of closed windows; an alert that ends is named with `_END`."""
    closed = list(closed)
    rows = metric_rows([window.measure for window in closed], "stream", window_seconds, run_id).to_pylist()
    for row, window in zip(rows, closed, strict=True):
        row["baseline_events_per_second"] = window.baseline
        row["alerts"] = [*window.began, *(name + END for name in window.ended)]
    return pa.RecordBatch.from_pylist(rows, PIPELINE_METRICS.arrow_schema())
