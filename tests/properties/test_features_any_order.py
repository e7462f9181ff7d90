"""Features: the same whatever the order of arrival, and what plain Python gives."""

import statistics

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.windows.features import MEASUREMENTS, features

MINUTE = 60_000_000
BASE = 1_781_524_800_000_000
values = st.floats(-1e6, 1e6, allow_nan=False)
measured = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 3 * MINUTE), values), min_size=1, max_size=40)


def measurements(drawn: list) -> pa.Table:
    rows = [
        {"device_id": d, "metric": "t", "value": v, "event_time": BASE + t, "id_high": 0, "id_low": n}
        for n, (d, t, v) in enumerate(drawn)
    ]
    return pa.Table.from_pylist(rows, MEASUREMENTS)


@given(measured, st.randoms())
@settings(max_examples=60)
def test_features_do_not_depend_on_the_order_of_arrival(drawn, random):
    table = measurements(drawn)
    order = list(range(table.num_rows))
    random.shuffle(order)
    assert features(table.take(order), 60) == features(table, 60)


@given(measured)
@settings(max_examples=60)
def test_features_equal_plain_python(drawn):
    groups: dict[tuple[str, int], list[tuple[int, int, float]]] = {}
    for number, (device, time, value) in enumerate(drawn):
        groups.setdefault((device, (BASE + time) // MINUTE * MINUTE), []).append((time, number, value))
    found = features(measurements(drawn), 60).to_pylist()
    assert len(found) == len(groups)
    for row in found:
        group = [v for _, _, v in sorted(groups[row["device_id"], int(row["window_start"].timestamp()) * 1_000_000])]
        assert (row["count"], row["min"], row["max"]) == (len(group), min(group), max(group))
        assert (row["first"], row["last"]) == (group[0], group[-1])
        assert row["mean"] == pytest.approx(statistics.fmean(group), abs=1e-6)
        assert row["stddev"] == pytest.approx(statistics.pstdev(group), abs=1e-5)
