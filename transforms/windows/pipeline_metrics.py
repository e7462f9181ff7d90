"""MeasurePipeline: rows of pipeline_metrics from what the steps counted, by window and topic.

In a batch run the partial counts are grouped by day, not by window: a window's group costs Beam 200 µs and more,
and a day of windows is merged in one pass (docs/decisions/0003).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import apache_beam as beam
import datasketches
import pyarrow as pa

from schemas.tables.definitions import PIPELINE_METRICS
from schemas.timestamps import SECOND_US
from transforms.metrics import SKETCH_K, BatchMetrics, MeasuredBatch
from transforms.table_rows import TableRows

DAY_US = 86_400 * SECOND_US
RANKS = (0.5, 0.95, 0.99)


@dataclass(kw_only=True)
class MeasurePipeline(beam.PTransform[beam.PCollection[MeasuredBatch], beam.PCollection[TableRows]]):
    """Turn the measures of every step into rows of pipeline_metrics (batch runs).

    Args:
        run_id: the run that the rows name.
        window_seconds: width of a window of publish time, in seconds.
    """

    run_id: str
    window_seconds: int

    def expand(self, pcoll: beam.PCollection[MeasuredBatch]) -> beam.PCollection[TableRows]:
        return (
            pcoll
            | "ByDay" >> beam.ParDo(_by_day)
            | "Group" >> beam.GroupByKey()
            | "Merge" >> beam.ParDo(_MergeFn(self.run_id, self.window_seconds))
        )


def _by_day(measured: MeasuredBatch) -> Iterator[tuple[int, MeasuredBatch]]:
    days: dict[int, MeasuredBatch] = {}
    for measure in measured:
        days.setdefault(measure.window_start // DAY_US, []).append(measure)
    yield from days.items()


class _MergeFn(beam.DoFn):
    def __init__(self, run_id: str, window_seconds: int) -> None:
        self._run_id, self._window_seconds = run_id, window_seconds

    def process(self, keyed: tuple[int, Iterable[MeasuredBatch]]) -> Iterator[TableRows]:
        _, batches = keyed
        merged = merge(measure for batch in batches for measure in batch)
        yield TableRows(PIPELINE_METRICS.name, metric_rows(merged, "batch", self._window_seconds, self._run_id))


def merge(measures: Iterable[BatchMetrics]) -> list[BatchMetrics]:
    """Add up measures of the same window and topic; the result is ordered by window and topic."""
    sums: dict[tuple[int, str], list[int]] = {}
    sketches: dict[tuple[int, str], list[bytes]] = {}
    for measure in measures:
        key = (measure.window_start, measure.topic)
        total = sums.setdefault(key, [0, 0, 0, 0, 0])
        for position, value in enumerate(measure[2:7]):
            total[position] += value
        if measure.lags is not None:
            sketches.setdefault(key, []).append(measure.lags)
    return [_measure(key, sums[key], sketches.get(key)) for key in sorted(sums)]


def _measure(key: tuple[int, str], sums: list[int], sketches: list[bytes] | None) -> BatchMetrics:
    received, valid, duplicates, dead_letters, late = sums
    return BatchMetrics(*key, received, valid, duplicates, dead_letters, late, _merged(sketches))


def _merged(parts: list[bytes] | None) -> bytes | None:
    if not parts or len(parts) == 1:
        return parts[0] if parts else None
    whole = datasketches.kll_doubles_sketch(SKETCH_K)
    for part in parts:
        whole.merge(datasketches.kll_doubles_sketch.deserialize(part))
    return bytes(whole.serialize())


def percentiles(lags: bytes | None) -> tuple[float | None, float | None, float | None, float | None]:
    """Return p50, p95, p99 and maximum of a sketch, in milliseconds."""
    if lags is None:
        return None, None, None, None
    sketch = datasketches.kll_doubles_sketch.deserialize(lags)
    p50, p95, p99 = (float(value) for value in sketch.get_quantiles(RANKS))
    return p50, p95, p99, float(sketch.get_max_value())


def metric_rows(measures: Iterable[BatchMetrics], mode: str, window_seconds: int, run_id: str) -> pa.RecordBatch:
    """Return rows of pipeline_metrics; a batch run has no baseline and raises no alerts."""
    rows = []
    for measure in measures:
        p50, p95, p99, highest = percentiles(measure.lags)
        rows.append(
            {
                "window_start": measure.window_start,
                "topic": measure.topic,
                "mode": mode,
                "received": measure.received,
                "valid": measure.valid,
                "duplicates": measure.duplicates,
                "dead_letters": measure.dead_letters,
                "late": measure.late,
                "events_per_second": measure.received / window_seconds,
                "lag_p50_ms": p50,
                "lag_p95_ms": p95,
                "lag_p99_ms": p99,
                "lag_max_ms": highest,
                "alerts": [],
                "run_id": run_id,
            }
        )
    return pa.RecordBatch.from_pylist(rows, PIPELINE_METRICS.arrow_schema())
