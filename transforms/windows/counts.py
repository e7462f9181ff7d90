"""CountEvents: events and amounts by fixed window of the event time and event type.

Pure: `count_rows` reduces a batch to partial counts, `merge_counts` adds partials up; both on columns. In a batch
run partials are grouped by day (see MeasurePipeline), and every window has one pane, 0.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

import apache_beam as beam
import pyarrow as pa
import pyarrow.compute as pc

from schemas.tables.column import NUMERIC, TIMESTAMP
from schemas.tables.definitions import EVENT_COUNTS
from schemas.timestamps import LATEST_US, SECOND_US
from transforms.event_batch import EventBatch
from transforms.table_rows import TableRows
from transforms.windows.pipeline_metrics import DAY_US

WIDE_NUMERIC = pa.decimal256(76, 9)
"""The type in which amounts are added up: Arrow's sum of decimal128 wraps silently beyond 38 digits."""
PARTIAL = pa.schema(
    [("window_start", pa.int64()), ("event_type", pa.string()), ("events", pa.int64()), ("amount", WIDE_NUMERIC)]
)
_LARGEST = pa.scalar(Decimal("9" * 29 + "." + "9" * 9), WIDE_NUMERIC)


@dataclass(kw_only=True)
class CountEvents(beam.PTransform[beam.PCollection[EventBatch], beam.PCollection[TableRows]]):
    """Turn event batches into rows of event_counts (batch runs).

    Args:
        run_id: the run that the rows name.
        window_seconds: width of a window of event time, in seconds.
    """

    run_id: str
    window_seconds: int

    def expand(self, pcoll: beam.PCollection[EventBatch]) -> beam.PCollection[TableRows]:
        return (
            pcoll
            | "Reduce" >> beam.ParDo(_ReduceFn(self.window_seconds))
            | "Group" >> beam.GroupByKey()
            | "Merge" >> beam.ParDo(_MergeFn(self.run_id, self.window_seconds))
        )


def window_starts(times: pa.Array, window_seconds: int) -> pa.Array:
    """Return the start of each instant's fixed window, in microseconds."""
    size = window_seconds * SECOND_US
    micros = times.cast(pa.int64())
    return pc.multiply(pc.divide(micros, size), size)  # event times are after 2000, so division cuts downwards


def count_rows(rows: pa.RecordBatch, window_seconds: int) -> pa.Table:
    """Reduce a wide batch to partial counts by window and event type."""
    table = pa.table(
        [
            window_starts(rows.column("event_time"), window_seconds),
            rows.column("event_type"),
            pa.repeat(1, rows.num_rows),
            rows.column("amount").cast(WIDE_NUMERIC),
        ],
        schema=PARTIAL,
    )
    return merge_counts([table])


def merge_counts(partials: Iterable[pa.Table]) -> pa.Table:
    """Add up partial counts of the same window and event type; an amount is NULL if no event had one.

    A partial that an older version wrote to a stream's state has amounts of type NUMERIC and is read as well.
    """
    grouped = pa.concat_tables([partial.cast(PARTIAL) for partial in partials]).group_by(["window_start", "event_type"])
    summed = grouped.aggregate([("events", "sum"), ("amount", "sum")])
    return summed.rename_columns(["window_start", "event_type", "events", "amount"]).cast(PARTIAL)


def split_by_day(partial: pa.Table) -> Iterator[tuple[int, bytes]]:
    """Cut a partial table by the day of its windows; each part as Arrow IPC bytes."""
    days = pc.divide(partial["window_start"], DAY_US)
    for day in pc.unique(days).to_pylist():
        yield day, to_ipc(partial.filter(pc.equal(days, day)))


def numeric_or_null(amounts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return sums as NUMERIC; a sum beyond NUMERIC is NULL (docs/data-contract.md#computed-times-and-sums)."""
    fits = pc.less_equal(pc.abs(amounts), _LARGEST)
    return pc.if_else(fits, amounts, pa.scalar(None, WIDE_NUMERIC)).cast(NUMERIC)


def window_ends(starts: pa.Array, window_seconds: int) -> pa.Array:
    """Return the end of each window (microseconds), at most the last TIMESTAMP."""
    return pc.min_element_wise(pc.add(starts, window_seconds * SECOND_US), pa.scalar(LATEST_US))


def to_ipc(table: pa.Table) -> bytes:
    """Return a table as compressed Arrow IPC bytes: what is shuffled is small."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue().to_pybytes())


def from_ipc(data: bytes) -> pa.Table:
    """Return the table of Arrow IPC bytes."""
    return pa.ipc.open_stream(data).read_all()


def event_count_rows(counts: pa.Table, window_seconds: int, pane: int, run_id: str) -> pa.RecordBatch:
    """Return rows of event_counts, ordered by window and event type."""
    counts = counts.sort_by([("window_start", "ascending"), ("event_type", "ascending")])
    size = counts.num_rows
    starts = counts["window_start"].combine_chunks()
    table = pa.table(
        [
            starts.cast(TIMESTAMP),
            window_ends(starts, window_seconds).cast(TIMESTAMP),
            counts["event_type"],
            counts["events"],
            numeric_or_null(counts["amount"]),
            pa.repeat(pane, size),
            pa.repeat(run_id, size),
        ],
        schema=EVENT_COUNTS.arrow_schema(),
    )
    return table.combine_chunks().to_batches()[0]


class _ReduceFn(beam.DoFn):
    def __init__(self, window_seconds: int) -> None:
        self._window_seconds = window_seconds

    def process(self, batch: EventBatch) -> Iterator[tuple[int, bytes]]:
        yield from split_by_day(count_rows(batch.rows, self._window_seconds))


class _MergeFn(beam.DoFn):
    def __init__(self, run_id: str, window_seconds: int) -> None:
        self._run_id, self._window_seconds = run_id, window_seconds

    def process(self, keyed: tuple[int, Iterable[bytes]]) -> Iterator[TableRows]:
        counts = merge_counts(map(from_ipc, keyed[1]))
        yield TableRows(EVENT_COUNTS.name, event_count_rows(counts, self._window_seconds, 0, self._run_id))
