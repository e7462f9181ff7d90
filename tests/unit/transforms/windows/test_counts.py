"""Counts, features and measures: the same whatever the order and the split, equal to what plain Python gives."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import apache_beam as beam
import numpy as np
import pyarrow as pa
from apache_beam.metrics.cells import DistributionData
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that, equal_to

from schemas.tables.column import NUMERIC
from schemas.timestamps import from_datetime
from transforms.event_batch import EventBatch
from transforms.metrics import BatchMetrics, _distribute, late_mask, sketch_of, window_of
from transforms.windows.counts import (
    CountEvents,
    count_rows,
    event_count_rows,
    from_ipc,
    merge_counts,
    split_by_day,
    to_ipc,
    window_starts,
)
from transforms.windows.pipeline_metrics import merge, percentiles

MINUTE = 60_000_000
BASE = 1_781_524_800_000_000


def counts(rows: list[tuple[int, str, int, Decimal | None]]) -> pa.Table:
    columns = list(zip(*rows, strict=True))
    return pa.table(
        [pa.array(columns[0], pa.int64()), pa.array(columns[1]), pa.array(columns[2]), pa.array(columns[3], NUMERIC)],
        names=["window_start", "event_type", "events", "amount"],
    )


def wide(*events: tuple[int, str, str | None]) -> pa.RecordBatch:
    """What counting reads of a batch of (event time, event type, amount)."""
    times, kinds, amounts = zip(*events, strict=True)
    decimals = [None if amount is None else Decimal(amount) for amount in amounts]
    return pa.RecordBatch.from_arrays(
        [pa.array(times, pa.timestamp("us", "UTC")), pa.array(kinds), pa.array(decimals, NUMERIC)],
        names=["event_time", "event_type", "amount"],
    )


def test_an_instant_belongs_to_the_window_that_starts_at_it_or_before():
    times = pa.array([BASE - 1, BASE, BASE + MINUTE - 1, BASE + MINUTE], pa.timestamp("us", "UTC"))
    assert window_starts(times, 60).to_pylist() == [BASE - MINUTE, BASE, BASE, BASE + MINUTE]


def test_a_batch_is_counted_by_window_and_event_type():
    rows = wide((BASE, "a", "0.1"), (BASE + MINUTE - 1, "a", "0.2"), (BASE + MINUTE, "a", None), (BASE, "b", None))
    counted = count_rows(rows, 60).sort_by([("window_start", "ascending"), ("event_type", "ascending")])
    assert [tuple(row.values()) for row in counted.to_pylist()] == [
        (BASE, "a", 2, Decimal("0.300000000")),
        (BASE, "b", 1, None),
        (BASE + MINUTE, "a", 1, None),
    ]


def test_a_batch_run_has_one_row_per_window_and_event_type():
    day = BASE - BASE % 86_400_000_000
    batches = [wide((day, "a", "1"), (day - 1, "a", "5")), wide((day + 1, "a", "2"), (day - 1, "b", None))]
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        made = (
            pipeline
            | beam.Create([EventBatch("order_events", rows) for rows in batches], reshuffle=False)
            | CountEvents(run_id="run-1", window_seconds=60)
            | beam.FlatMap(lambda item: [(item.table, *row.values()) for row in item.rows.to_pylist()])
        )
        midnight = datetime.fromtimestamp(day // 1_000_000, UTC)
        minute = timedelta(minutes=1)
        expected = [
            ("event_counts", midnight - minute, midnight, "a", 1, Decimal(5), 0, "run-1"),
            ("event_counts", midnight - minute, midnight, "b", 1, None, 0, "run-1"),
            ("event_counts", midnight, midnight + minute, "a", 2, Decimal(3), 0, "run-1"),
        ]
        assert_that(made, equal_to(expected))


def test_rows_of_counts_have_their_pane_and_run():
    [row] = event_count_rows(counts([(BASE, "a", 2, None)]), 60, 3, "run-1").to_pylist()
    assert (row["pane"], row["run_id"]) == (3, "run-1")


def test_partial_counts_are_added_and_a_missing_amount_stays_null():
    first = counts([(BASE, "a", 2, Decimal("0.1")), (BASE, "b", 1, None)])
    second = counts([(BASE, "a", 1, Decimal("0.2")), (BASE, "b", 4, None)])
    rows = event_count_rows(merge_counts([first, second]), 60, 0, "r").to_pylist()
    assert [(row["event_type"], row["events"], row["amount"]) for row in rows] == [
        ("a", 3, Decimal("0.300000000")),
        ("b", 5, None),
    ]
    assert rows[0]["window_end"] - rows[0]["window_start"] == datetime(1, 1, 1, 0, 1) - datetime(1, 1, 1)


def test_partials_are_split_by_day_and_lose_nothing():
    day = 86_400_000_000
    table = counts([(BASE, "a", 1, None), (BASE + day, "a", 2, None), (BASE, "b", 3, None)])
    parts = {number: from_ipc(data) for number, data in split_by_day(table)}
    assert sorted(parts) == [BASE // day, BASE // day + 1]
    assert sum(sum(part["events"].to_pylist()) for part in parts.values()) == 6
    assert from_ipc(to_ipc(table)) == table


def test_what_is_shuffled_is_small():
    table = counts([(BASE, "order.created", 1, Decimal("19.99"))] * 10_000)
    assert len(to_ipc(table)) < table.nbytes / 10


def test_measures_of_one_window_and_topic_become_one():
    measures = [
        BatchMetrics(BASE, "orders", received=3, dead_letters=1),
        BatchMetrics(BASE, "orders", valid=2, late=1, lags=sketch_of([1.0, 3.0]).serialize()),
        BatchMetrics(BASE, "orders", lags=sketch_of([2.0]).serialize()),
        BatchMetrics(BASE, "customers", duplicates=1),
    ]
    customers, orders = merge(measures)
    assert (orders.received, orders.valid, orders.dead_letters, orders.late) == (3, 2, 1, 1)
    assert percentiles(orders.lags) == (2.0, 3.0, 3.0, 3.0)
    assert (customers.duplicates, customers.lags) == (1, None)


def test_no_lags_no_percentiles():
    assert percentiles(None) == (None, None, None, None)


def test_a_distribution_is_updated_with_every_value_at_once():
    class Measured(beam.DoFn):
        def process(self, lags):
            _distribute("event_lag_ms", np.array(lags))
            yield lags

    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        _ = pipeline | beam.Create([[1.2, 7.9, -3.0], [], [250.0]], reshuffle=False) | beam.ParDo(Measured())
    [told] = pipeline.result.metrics().query()["distributions"]
    assert (told.key.metric.namespace, told.key.metric.name) == ("pipeline", "event_lag_ms")
    assert told.committed.data == DistributionData(255, 4, -3, 250)


def test_late_is_after_the_windows_end_and_its_lateness():
    import numpy as np

    event = np.array([BASE + 1, BASE + 1])
    limit = BASE + MINUTE + 10_000_000
    assert late_mask(event, np.array([limit, limit + 1]), 60, 10).tolist() == [False, True]


def test_windows_are_aligned_to_the_epoch():
    moment = int(datetime(2026, 6, 15, 12, 0, 59, tzinfo=UTC).timestamp()) * 1_000_000
    assert window_of(moment, 60) == BASE
    assert window_of(BASE, 60) == BASE


LARGEST = "9" * 29 + "." + "9" * 9


def test_a_sum_of_money_beyond_numeric_is_null_in_its_row_alone():
    """Arrow adds decimal128 modulo 2**128: two such amounts would be a negative sum."""
    rows = wide((BASE, "a", LARGEST), (BASE, "a", LARGEST), (BASE, "b", LARGEST), (BASE, "c", "1"), (BASE, "d", None))
    again = wide((BASE, "a", "1"), (BASE, "b", None), (BASE, "c", "0.5"), (BASE, "d", None))
    merged = merge_counts(from_ipc(to_ipc(count_rows(part, 60))) for part in (rows, again))
    made = event_count_rows(merged, 60, 0, "run-1")
    assert made.schema.field("amount").type == NUMERIC
    assert dict(zip(made["event_type"].to_pylist(), made["amount"].to_pylist(), strict=True)) == {
        "a": None,
        "b": Decimal(LARGEST),
        "c": Decimal("1.5"),
        "d": None,
    }


def test_a_partial_of_an_older_version_is_added_as_well():
    old = counts([(BASE, "a", 1, Decimal("2"))])
    merged = merge_counts([old, count_rows(wide((BASE, "a", "0.5")), 60)])
    assert event_count_rows(merged, 60, 0, "r")["amount"].to_pylist() == [Decimal("2.5")]


def test_the_last_window_ends_with_the_last_timestamp():
    last = datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
    made = event_count_rows(count_rows(wide((from_datetime(last), "a", None)), 60), 60, 0, "r").to_pylist()
    assert [(row["window_start"], row["window_end"]) for row in made] == [(last.replace(second=0, microsecond=0), last)]
