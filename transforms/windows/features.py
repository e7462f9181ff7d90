"""DeviceFeatures: what a device measured in each window, as Parquet, one file per hour: count, extremes, mean, first, last.

Measurements of an hour are sorted by (device, metric, event time, event id) before anything is added up, so that the
floats come out the same whatever the order of arrival, the split into bundles or the runner.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import apache_beam as beam
import numpy as np
import pyarrow as pa

from schemas.tables.column import TIMESTAMP
from schemas.tables.lake import IOT_FEATURES
from schemas.timestamps import SECOND_US
from transforms.decode.identity import id_words
from transforms.event_batch import TYPED_PREFIX, EventBatch
from transforms.sinks.files.feed import split_by_hour
from transforms.sinks.files.files import FileContent
from transforms.sinks.files.parquet import parquet_bytes, sort_order
from transforms.sinks.files.partitions import HOUR_US, hour_partition
from transforms.sinks.files.telemetry import TABLE
from transforms.spilled_partials import Partial, Partials, read_partials
from transforms.windows.counts import from_ipc, to_ipc, window_ends

FEED = IOT_FEATURES.folder
FEATURES = IOT_FEATURES.arrow_schema()
"""`stddev` is the population's, 0 for one measurement; `first` and `last` go by (event time, event id).

A feature that is not finite is NULL, never infinite or NaN.
"""
MEASUREMENTS = pa.schema(
    [
        ("device_id", pa.string()),
        ("metric", pa.string()),
        ("value", pa.float64()),
        ("event_time", pa.int64()),
        ("id_high", pa.uint64()),
        ("id_low", pa.uint64()),
    ]
)


@dataclass(kw_only=True)
class DeviceFeatures(beam.PTransform[beam.PCollection[EventBatch], beam.PCollection[FileContent]]):
    """Turn telemetry into the files of the feature feed (batch runs).

    Args:
        window_seconds: width of a window, in seconds; divides an hour.
        temp: a folder for measurements, so that only references are shuffled; None: shuffle them.
    """

    window_seconds: int
    temp: str | None = None

    def __post_init__(self) -> None:
        if 3600 % self.window_seconds:
            raise ValueError(f"window_seconds must divide an hour for features, got {self.window_seconds}")

    def expand(self, pcoll: beam.PCollection[EventBatch]) -> beam.PCollection[FileContent]:
        return (
            pcoll
            | "ByHour" >> beam.ParDo(_ByHourFn(self.temp))
            | "Group" >> beam.GroupByKey()
            | "Features" >> beam.ParDo(_features_of, self.window_seconds)
        )


def measurements(rows: pa.RecordBatch) -> pa.RecordBatch:
    """Return what features need of a wide batch of telemetry."""
    words = id_words(rows.column("event_id")) if rows.num_rows else np.zeros((0, 2), np.uint64)
    return pa.RecordBatch.from_arrays(
        [
            rows.column(TYPED_PREFIX + "device_id"),
            rows.column(TYPED_PREFIX + "metric"),
            rows.column(TYPED_PREFIX + "value"),
            rows.column("event_time").cast(pa.int64()),
            pa.array(words[:, 0]),
            pa.array(words[:, 1]),
        ],
        schema=MEASUREMENTS,
    )


def features(measured: pa.Table, window_seconds: int) -> pa.Table:
    """Return the features of measurements by window, device and metric, ordered by them."""
    size = window_seconds * SECOND_US
    order = [(name, "ascending") for name in ("device_id", "metric", "event_time", "id_high", "id_low")]
    measured = measured.sort_by(order)
    count = measured.num_rows
    if not count:
        return FEATURES.empty_table()
    devices = measured["device_id"].combine_chunks().dictionary_encode()
    metrics = measured["metric"].combine_chunks().dictionary_encode()
    times = measured["event_time"].to_numpy()
    windows = times - times % size
    device, metric = devices.indices.to_numpy(), metrics.indices.to_numpy()
    changed = np.ones(count, bool)
    changed[1:] = (device[1:] != device[:-1]) | (metric[1:] != metric[:-1]) | (windows[1:] != windows[:-1])
    starts = np.flatnonzero(changed)
    ends = np.append(starts[1:], count)
    values = measured["value"].to_numpy()
    sizes = ends - starts
    lowest, highest = np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)
    mean, stddev = _mean_and_stddev(values, starts, lowest, highest)
    table = pa.table(
        [
            pa.array(windows[starts]).cast(TIMESTAMP),
            window_ends(pa.array(windows[starts]), window_seconds).cast(TIMESTAMP),
            devices.take(pa.array(starts)).cast(pa.string()),
            metrics.take(pa.array(starts)).cast(pa.string()),
            pa.array(sizes.astype(np.int64)),
            pa.array(lowest),
            pa.array(highest),
            _finite(mean),
            _finite(stddev),
            pa.array(values[starts]),
            pa.array(values[ends - 1]),
        ],
        schema=FEATURES,
    )
    return table.sort_by([(name, "ascending") for name in sort_order(FEED)])


def _mean_and_stddev(
    values: np.ndarray, starts: np.ndarray, lowest: np.ndarray, highest: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and population standard deviation of the groups of values that begin at `starts`.

    Both are computed on values scaled by a power of two per group, so that no sum of doubles overflows and no square
    underflows. A power of two changes no digit: groups within the usual range give the floats of the plain formula. The
    mean is kept between the extremes, which rounding would leave (three times 0.1).
    """
    sizes = np.diff(np.append(starts, len(values)))
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        _, exponent = np.frexp(np.maximum(np.abs(lowest), np.abs(highest)))
        scaled = np.ldexp(values, -np.repeat(exponent, sizes))
        mean = np.add.reduceat(scaled, starts) / sizes
        mean = np.clip(mean, np.ldexp(lowest, -exponent), np.ldexp(highest, -exponent))
        deviation = scaled - np.repeat(mean, sizes)
        _, spread = np.frexp(np.maximum.reduceat(np.abs(deviation), starts))
        deviation = np.ldexp(deviation, -np.repeat(spread, sizes))
        stddev = np.sqrt(np.add.reduceat(deviation * deviation, starts) / sizes)
        return np.ldexp(mean, exponent), np.ldexp(stddev, spread + exponent)


def _finite(values: np.ndarray) -> pa.Array:
    return pa.array(values, mask=~np.isfinite(values))


def features_file(measured: pa.Table, hour: int, window_seconds: int) -> FileContent:
    """Return the Parquet file of one hour's features."""
    table = features(measured, window_seconds)
    return FileContent(FEED, hour_partition(hour * HOUR_US), "parquet", table.num_rows, parquet_bytes(table, FEED))


class _ByHourFn(beam.DoFn):
    def __init__(self, temp: str | None) -> None:
        self._temp = temp

    def start_bundle(self) -> None:
        self._partials = Partials(self._temp)

    def process(self, batch: EventBatch) -> Iterator[tuple[int, Partial]]:
        if batch.table == TABLE:
            rows = measurements(batch.rows)
            for hour, part in split_by_hour(rows, rows.column("event_time")):
                yield hour, self._partials.put(to_ipc(pa.Table.from_batches([part])))

    def finish_bundle(self) -> None:
        self._partials.close()


def _features_of(keyed: tuple[int, Iterable[Partial]], window_seconds: int) -> Iterator[FileContent]:
    hour, parts = keyed
    yield features_file(pa.concat_tables(map(from_ipc, read_partials(parts))), hour, window_seconds)
