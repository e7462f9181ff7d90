"""Features of devices, against rows worked out by hand: windows, extremes, spread, first and last."""

import sys
from datetime import UTC, datetime
from io import BytesIO

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from schemas.timestamps import LATEST_US
from transforms.event_batch import EventBatch
from transforms.windows.features import FEATURES, MEASUREMENTS, DeviceFeatures, features, features_file, measurements

SECOND = 1_000_000
LARGEST = sys.float_info.max
NOON = int(datetime(2026, 6, 15, 12, tzinfo=UTC).timestamp()) * SECOND
HOUR = NOON // (3600 * SECOND)


def measured(*rows):
    """Return measurements of (device, metric, value, seconds after noon[, id])."""
    names = MEASUREMENTS.names
    cells = [(d, m, v, NOON + round(s * SECOND), *(ids or (0, 0))) for d, m, v, s, *ids in rows]
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in cells], MEASUREMENTS)


def rows_of(table):
    """Return features as tuples, the windows in seconds after noon."""
    rows = [tuple(row.values()) for row in table.to_pylist()]
    return [(*(int(at.timestamp()) - NOON // SECOND for at in row[:2]), *row[2:]) for row in rows]


def test_a_window_has_its_count_extremes_mean_spread_first_and_last():
    table = measured(
        *[("d", "t", value, second) for second, value in enumerate([4.0, 9.0, 2.0, 5.0, 4.0, 4.0, 7.0, 5.0])]
    )
    assert features(table, 60).schema == FEATURES
    assert rows_of(features(table, 60)) == [(0, 60, "d", "t", 8, 2.0, 9.0, 5.0, 2.0, 4.0, 5.0)]


def test_each_window_device_and_metric_is_by_itself_and_the_window_orders_first():
    table = measured(
        ("b", "t", 1.0, 0), ("a", "t", 2.0, 60), ("a", "t", 3.0, 59.999999), ("a", "p", 4.0, 1),
        ("b", "t", 3.0, 59), ("a", "p", 5.0, 119), ("a", "p", 8.0, 2), ("b", "p", 6.0, 59),
    )  # fmt: skip
    assert rows_of(features(table, 60)) == [
        (0, 60, "a", "p", 2, 4.0, 8.0, 6.0, 2.0, 4.0, 8.0),
        (0, 60, "a", "t", 1, 3.0, 3.0, 3.0, 0.0, 3.0, 3.0),
        (0, 60, "b", "p", 1, 6.0, 6.0, 6.0, 0.0, 6.0, 6.0),
        (0, 60, "b", "t", 2, 1.0, 3.0, 2.0, 1.0, 1.0, 3.0),
        (60, 120, "a", "p", 1, 5.0, 5.0, 5.0, 0.0, 5.0, 5.0),
        (60, 120, "a", "t", 1, 2.0, 2.0, 2.0, 0.0, 2.0, 2.0),
    ]


def test_neighbours_that_differ_in_one_thing_alone_are_not_one_group():
    device = measured(("a", "t", 1.0, 0), ("b", "t", 2.0, 0))
    metric = measured(("a", "p", 1.0, 0), ("a", "t", 2.0, 0))
    window = measured(("a", "t", 1.0, 29), ("a", "t", 2.0, 30))
    assert [features(table, 30)["count"].to_pylist() for table in (device, metric, window)] == [[1, 1]] * 3
    later = measured(("a", "t", 1.0, 29), ("a", "t", 2.0, 30), ("a", "t", 2.0, 31), ("a", "t", 2.0, 61))
    assert features(later, 30)["count"].to_pylist() == [1, 2, 1]
    assert rows_of(features(window, 30))[1][:2] == (30, 60)


def test_the_first_and_last_go_by_time_and_then_by_both_halves_of_the_id():
    table = measured(
        ("d", "t", 3.0, 5, 2, 1), ("d", "t", 1.0, 5, 1, 9), ("d", "t", 4.0, 5, 2, 2), ("d", "t", 2.0, 5, 2, 0),
    )  # fmt: skip
    for order in ([0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2], [2, 0, 3, 1]):
        assert rows_of(features(table.take(order), 60)) == [
            (0, 60, "d", "t", 4, 1.0, 4.0, 2.5, pytest.approx(1.25**0.5), 1.0, 4.0),
        ]
    late = measured(("d", "t", 1.0, 9, 0, 0), ("d", "t", 2.0, 8, 9, 9))
    assert rows_of(features(late, 60))[0][-2:] == (2.0, 1.0)


def test_sums_are_the_same_floats_whatever_the_order():
    rows = [("d", "t", value, 0, 0, number) for number, value in enumerate([1e16, 1.0, -1e16, 1.0])]
    assert len({features(measured(*rows[n:], *rows[:n]), 60)["mean"][0].as_py() for n in range(4)}) == 1


@pytest.mark.parametrize(
    ("values", "mean", "stddev"),
    [
        pytest.param([1.7e308, 1.7e308], 1.7e308, 0.0, id="the sum overflows"),
        pytest.param([1e200, -1e200], 0.0, 1e200, id="the squares overflow"),
        pytest.param([LARGEST, -LARGEST], 0.0, LARGEST, id="the range overflows"),
        pytest.param([LARGEST, -LARGEST, -LARGEST, -LARGEST], -LARGEST / 2, LARGEST * 0.8660254037844386, id="a deviation overflows"),
        pytest.param([0.1, 0.1, 0.1], 0.1, 0.0, id="rounding leaves the extremes"),
        pytest.param([1e-200, 3e-200], 2e-200, 1e-200, id="the squares underflow"),
        pytest.param([5e-324, 5e-324], 5e-324, 0.0, id="subnormal"),
        pytest.param([0.0, -0.0], 0.0, 0.0, id="zeros"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("error")
def test_features_of_any_doubles_are_finite_and_warn_of_nothing(values, mean, stddev):
    table = measured(*(("d", "t", value, second) for second, value in enumerate(values)), ("e", "t", 1.5, 0))
    [row, other] = features(table, 60).to_pylist()
    assert row["mean"] == pytest.approx(mean, rel=1e-15)
    assert row["stddev"] == pytest.approx(stddev, rel=1e-15)
    assert row["min"] <= row["mean"] <= row["max"]
    assert (other["mean"], other["stddev"]) == (1.5, 0.0)


def test_the_last_window_of_time_ends_with_the_last_timestamp():
    last = datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
    seconds = (LATEST_US - NOON) // SECOND
    [row] = features(measured(("d", "t", 1.0, seconds)), 60).to_pylist()
    assert (row["window_start"], row["window_end"]) == (last.replace(second=0, microsecond=0), last)


def test_of_nothing_measured_come_no_rows_of_the_same_columns():
    found = features(measured(), 60)
    assert (found.num_rows, found.schema) == (0, FEATURES)


def wide(*rows):
    """Return the columns of a wide batch that measurements need, in another order and among others."""
    return pa.RecordBatch.from_pydict(
        {
            "event_type": ["iot.telemetry"] * len(rows),
            "event_time": pa.array([row[3] for row in rows], pa.timestamp("us", "UTC")),
            "data.value": pa.array([row[2] for row in rows], pa.float64()),
            "data.metric": pa.array([row[1] for row in rows], pa.string()),
            "data.device_id": pa.array([row[0] for row in rows], pa.string()),
            "event_id": pa.array([row[4] for row in rows], pa.string()),
        }
    )


def test_measurements_are_the_columns_of_telemetry_with_the_id_in_two_integers():
    event_id = "00000000-0000-0001-8000-00000000000a"
    found = measurements(wide(("d", "t", 1.5, NOON, event_id)))
    assert found.schema == MEASUREMENTS
    assert [tuple(row.values()) for row in found.to_pylist()] == [("d", "t", 1.5, NOON, 1, (1 << 63) + 10)]


def test_no_telemetry_has_no_measurements_but_their_columns():
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, wide().schema) as writer:
        writer.write_batch(wide())
    shuffled = pa.ipc.open_stream(sink.getvalue()).read_next_batch()
    for rows in (wide(), shuffled):
        assert (measurements(rows).num_rows, measurements(rows).schema) == (0, MEASUREMENTS)


def test_the_file_of_an_hour_holds_its_features_and_their_count():
    table = measured(("a", "t", 1.0, 0), ("b", "t", 2.0, 0), ("b", "t", 4.0, 70))
    file = features_file(table, HOUR, 60)
    assert (file.feed, file.partition) == ("ml/iot_features", "dt=2026-06-15/hour=12")
    assert (file.extension, file.rows) == ("parquet", 3)
    read = pq.ParquetFile(BytesIO(file.data))
    group = read.metadata.row_group(0)
    assert {group.column(index).compression for index in range(group.num_columns)} == {"ZSTD"}
    assert all(group.column(index).statistics is not None for index in range(group.num_columns))
    order = [read.schema_arrow.names[column.column_index] for column in group.sorting_columns]
    assert order == ["window_start", "device_id", "metric"]
    assert read.read() == features(table, 60)


@pytest.mark.parametrize("seconds", [1, 60, 3600])
def test_windows_that_divide_an_hour_are_accepted(seconds):
    assert DeviceFeatures(window_seconds=seconds).temp is None


@pytest.mark.parametrize("seconds", [7, 3601, 7200])
def test_windows_that_do_not_divide_an_hour_are_rejected(seconds):
    with pytest.raises(ValueError, match=f"^window_seconds must divide an hour for features, got {seconds}$"):
        DeviceFeatures(window_seconds=seconds)


def test_the_spread_is_the_populations_by_numpys_account():
    values = [20.25, 19.5, 21.75, 20.0, 18.5]
    (row,) = features(measured(*[("d", "t", value, second) for second, value in enumerate(values)]), 60).to_pylist()
    assert row["stddev"] == pytest.approx(np.std(values))


@pytest.mark.parametrize("kept", [True, False], ids=["measurements in a folder", "measurements shuffled"])
def test_telemetry_is_one_file_per_hour_for_any_batches(tmp_path, kept):
    ids = [f"00000000-0000-0001-8000-00000000000{number}" for number in range(4)]
    early, late = NOON, NOON + 3600 * SECOND
    batches = [
        EventBatch("iot_telemetry", wide(("d", "t", 3.0, early + 5, ids[0]), ("d", "t", 9.0, late, ids[1]))),
        EventBatch("order_events", wide(("d", "t", 5.0, early, ids[2]))),
        EventBatch("iot_telemetry", wide(("d", "t", 1.0, early + 1, ids[3]))),
    ]
    found = str(tmp_path / "found-")

    def keep(file):
        with open(found + file.partition.replace("/", "-"), "xb") as out:
            out.write(file.data)

    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        files = (
            pipeline
            | beam.Create(batches, reshuffle=False)
            | DeviceFeatures(window_seconds=60, temp=str(tmp_path) if kept else None)
        )
        _ = files | beam.Map(keep)
    assert {path.name: rows_of(pq.read_table(path)) for path in tmp_path.glob("found-*")} == {
        "found-dt=2026-06-15-hour=12": [(0, 60, "d", "t", 2, 1.0, 3.0, 2.0, 1.0, 1.0, 3.0)],
        "found-dt=2026-06-15-hour=13": [(3600, 3660, "d", "t", 1, 9.0, 9.0, 9.0, 0.0, 9.0, 9.0)],
    }
    assert bool(list(tmp_path.glob("*.partials"))) == kept
