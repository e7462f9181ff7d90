"""Real records give exactly the rows of their expected.json; a second run gives the same rows."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.command import run_command
from tests.support.paths import SHARED
from tests.support.runs import query

REAL = SHARED / "data" / "real"
pytestmark = pytest.mark.skipif(not REAL.is_dir(), reason="the real records are not part of the project")


@pytest.fixture(scope="module")
def expected() -> dict:
    return json.loads((REAL / "expected.json").read_text())


@pytest.fixture(scope="module")
def output(tmp_path_factory) -> Path:
    output = tmp_path_factory.mktemp("real") / "output"
    code, _, err = run_command("local", "--input", REAL, "--output", output)
    assert code == 0, err
    return output


def test_summary_meets_the_expected_counts(output, expected):
    summary = json.loads((output / "summary.json").read_text())
    assert {topic: counts["received"] for topic, counts in summary["by_topic"].items()} == expected["messages"]
    assert {name: counts["valid"] for name, counts in summary["by_event_type"].items()} == expected["valid"]
    assert summary["dead_letters_by_code"] == expected["dead_letters"]
    assert summary["duplicates"] == expected["duplicates"]
    assert summary["difference"] is None


def test_revenue_by_day_is_exact(output, expected):
    rows = query(output, "select cast(day as varchar), sum(amount) from analytics.revenue_by_day group by 1")
    assert {day: Decimal(amount) for day, amount in rows} == {
        day: Decimal(amount) for day, amount in expected["revenue_by_day"].items()
    }


def test_orders_known_and_cancelled(output, expected):
    [(known, cancelled)] = query(
        output, "select count(*), count(*) filter (where status = 'CANCELLED') from analytics.order_current"
    )
    assert (known, cancelled) == (expected["orders_known"], expected["orders_cancelled"])


def test_telemetry_by_metric_and_day(output, expected):
    rows = query(
        output,
        "select metric || '|' || strftime(event_time, '%Y-%m-%d'), count(*), min(value), max(value), avg(value) "
        "from analytics.iot_telemetry group by 1",
    )
    found = {key: rest for key, *rest in rows}
    assert found.keys() == expected["telemetry_by_day"].keys()
    for key, (count, low, high, mean) in expected["telemetry_by_day"].items():
        assert found[key] == [count, low, high, pytest.approx(mean, rel=1e-9)], key


def test_event_counts_equal_the_view_computed_from_distinct_events(output):
    counts = "select window_start, event_type, events, amount from analytics.event_counts"
    view = "select window_start, event_type, events, amount from analytics.event_counts_current"
    assert query(output, f"{counts} except {view}") == []
    assert query(output, f"{view} except {counts}") == []


@pytest.mark.slow
def test_a_second_run_gives_the_same_rows_but_for_ingest_time_and_run(output, tmp_path):
    again = tmp_path / "again"
    assert run_command("local", "--input", REAL, "--output", again)[0] == 0
    for table in ("event_store.events", "event_store.dead_letters", "analytics.order_events", "analytics.event_counts"):
        columns = "* exclude (run_id, ingest_time)" if table.startswith("event_store") else "* exclude (run_id)"
        rows = f"select cast(t as varchar) r from (select {columns} from {table}) t"
        sql = f"select md5(string_agg(r, '' order by r)) from ({rows})"
        assert query(output, sql) == query(again, sql), table
