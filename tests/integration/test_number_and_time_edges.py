"""Edges of numbers and times in whole runs: sums beyond NUMERIC, the last window of time, features of extreme doubles."""

import json
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.support.command import run_command
from tests.support.runs import query

LARGEST = "9" * 29 + "." + "9" * 9
LAST = "9999-12-31T23:59:59.999999Z"


def event(number: int, event_type: str, time: str, **data: Any) -> dict[str, Any]:
    source = {"order": "order-service", "payment": "payment-service", "iot": "iot-gateway"}[event_type.split(".")[0]]
    return {
        "eventId": f"{number:08}-0000-4000-8000-000000000000",
        "eventType": event_type,
        "eventTime": time,
        "source": source,
        "data": data,
        "metadata": {"correlationId": "00000000-0000-4000-8000-000000000000"},
    }


def created(number: int, time: str, amount: str | None) -> dict[str, Any]:
    total = {} if amount is None else {"totalAmount": amount}
    return event(number, "order.created", time, orderId=f"o{number}", customerId="c", items=[], **total)


def measured(number: int, time: str, value: float, device: str = "d") -> dict[str, Any]:
    return event(number, "iot.telemetry", time, deviceId=device, metric="t", value=value)


def run(folder: Path, as_of: str, **topics: list[dict[str, Any]]) -> Path:
    """Run `local` over plain events and return its output; every event is valid and nothing is undelivered."""
    (folder / "in").mkdir()
    for topic, events in topics.items():
        lines = "".join(json.dumps(event) + "\n" for event in events)
        (folder / "in" / f"{topic.replace('_', '-')}.jsonl").write_text(lines)
    code, _, err = run_command("local", "--input", folder / "in", "--as_of", as_of, "--output", folder / "out")
    assert code == 0, err
    out = folder / "out"
    summary = json.loads((out / "summary.json").read_text())
    assert "Traceback" not in err
    assert "RuntimeWarning" not in err
    assert query(out, "select count(*) from event_store.dead_letters") == [(0,)], summary
    assert query(out, "select count(*) from event_store.events") == [(sum(map(len, topics.values())),)]
    return out


def test_a_sum_beyond_numeric_is_null_in_its_row_alone_in_table_and_views(tmp_path):
    out = run(
        tmp_path,
        "2026-01-06T00:00:00Z",
        orders=[
            *(created(number, "2026-01-05T10:00:00Z", LARGEST) for number in (1, 2, 3)),
            created(4, "2026-01-05T10:01:00Z", LARGEST),
            created(5, "2026-01-05T10:02:00Z", None),
            event(6, "payment.processed", "2026-01-05T10:00:00Z", paymentId="p6", orderId="o1", amount=LARGEST, currency="EUR"),
            event(7, "payment.processed", "2026-01-05T10:00:00Z", paymentId="p7", orderId="o1", amount="0.000000001", currency="EUR"),
            event(8, "payment.processed", "2026-01-05T10:00:00Z", paymentId="p8", orderId="o1", amount="1.5", currency="CHF"),
        ],
        iot_events=[measured(9, "2026-01-05T10:00:00Z", 1.0)],
    )  # fmt: skip
    counts = [
        ("iot.telemetry", "10:00", 1, None),
        ("order.created", "10:00", 3, None),
        ("order.created", "10:01", 1, LARGEST),
        ("order.created", "10:02", 1, None),
        ("payment.processed", "10:00", 3, None),
    ]
    for table in ("event_counts", "event_counts_current", "event_counts_current_as_of(timestamptz '2027-01-01')"):
        sql = f"""select event_type, strftime(window_start, '%H:%M'), events, amount::varchar from analytics.{table} order by 1, 2"""
        assert query(out, sql) == counts
    sql = "select currency, amount::varchar, payments from analytics.revenue_by_day order by 1"
    assert query(out, sql) == [("CHF", "1.500000000", 1), ("EUR", None, 2)]


def test_windows_and_deadlines_end_with_the_last_timestamp(tmp_path):
    out = run(
        tmp_path,
        "9999-12-31T23:59:59Z",
        orders=[created(1, "9999-12-31T23:58:30Z", "1"), created(2, "2026-01-05T10:00:00Z", "1")],
        iot_events=[measured(3, "9999-12-31T23:59:30Z", 1.0)],
    )
    last = "9999-12-31 23:59:59.999999+00"
    for table in ("event_counts", "event_counts_current"):
        sql = f"select window_end::varchar from analytics.{table} where event_type = 'iot.telemetry'"
        assert query(out, sql) == [(last,)]
    sql = "select order_id, deadline::varchar from analytics.order_sagas order by 1"
    assert query(out, sql) == [("o1", last), ("o2", "2026-01-05 10:30:00+00")]
    for view in ("event_counts_current", "order_saga_current", "order_current"):
        code, shown, err = run_command("query", "--output", out, "--view", view, "--format", "json")
        assert (code, "9999-12-31T23:5" in shown) == (0, True), err
    [table] = [pq.read_table(path) for path in (out / "lake/ml/iot_features").rglob("*.parquet")]
    assert str(table["window_end"].cast("string")[0]).startswith("9999-12-31 23:59:59.999999")
    code, _, err = run_command(
        "replay", "--output", out, "--mode", "rebuild", "--from", "9999-12-31T00:00:00Z", "--to", LAST
    )
    assert code == 0, err
    assert query(out, "select count(*) from event_store.events") == [(3,)]


@pytest.mark.filterwarnings("error:.*:RuntimeWarning")
def test_features_of_extreme_doubles_are_finite(tmp_path, capfd):
    values = {"big": [1.7e308, 1.7e308], "spread": [1e200, -1e200], "range": [sys.float_info.max, -sys.float_info.max]}
    out = run(
        tmp_path,
        "2026-01-06T00:00:00Z",
        iot_events=[
            measured(10 * row + column, "2026-01-05T10:00:00Z", value, device)
            for row, (device, pair) in enumerate(values.items())
            for column, value in enumerate(pair)
        ],
    )
    rows = [
        row for path in (out / "lake/ml/iot_features").rglob("*.parquet") for row in pq.read_table(path).to_pylist()
    ]
    assert {row["device_id"]: (row["mean"], row["stddev"]) for row in rows} == {
        "big": (1.7e308, 0.0),
        "spread": (0.0, 1e200),
        "range": (0.0, sys.float_info.max),
    }
    assert "Warning" not in capfd.readouterr().err
