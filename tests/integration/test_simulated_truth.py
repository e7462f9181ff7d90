"""simulate, then local: every figure of truth.json is met, at 10,000 messages, and at 100,000 and a million (slow)."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.command import run_command
from tests.support.runs import query

SIZES = [
    pytest.param(10_000, id="10k"),
    pytest.param(100_000, id="100k", marks=pytest.mark.slow),
    pytest.param(1_000_000, id="1M", marks=[pytest.mark.slow, pytest.mark.timeout(1800)]),
]


@pytest.fixture(scope="module", params=SIZES)
def run(request, tmp_path_factory) -> tuple[dict, Path]:
    folder = tmp_path_factory.mktemp("truth")
    words = ("--events", request.param, "--seed", 11, "--dirty", 0.02)
    assert run_command("simulate", "--output", folder / "in", *words)[0] == 0
    code, _, err = run_command("local", "--input", folder / "in", "--output", folder / "out")
    assert code == 0, err
    return json.loads((folder / "in" / "truth.json").read_text()), folder / "out"


def test_messages_and_their_outcomes(run):
    truth, output = run
    summary = json.loads((output / "summary.json").read_text())
    assert summary["difference"] is None
    assert summary["received"] == truth["messages"]
    for name in ("valid", "duplicates", "dead_letters", "dead_letters_by_code"):
        assert summary[name] == truth[name], name
    assert {name: counts["valid"] for name, counts in summary["by_event_type"].items()} == truth["valid_by_event_type"]
    for topic, counts in truth["by_topic"].items():
        for told, name in (("messages", "received"), ("valid", "valid"), ("duplicates", "duplicates")):
            assert summary["by_topic"][topic][name] == counts[told], (topic, told)


def test_notes(run):
    truth, output = run
    rows = query(output, "select note, count(*) from (select unnest(notes) note from event_store.events) group by 1")
    assert dict(rows) == truth["notes"]


def test_revenue_is_exact(run):
    truth, output = run
    found: dict[str, dict[str, Decimal]] = {}
    for day, currency, amount in query(
        output, "select cast(day as varchar), currency, amount from analytics.revenue_by_day"
    ):
        found.setdefault(day, {})[currency] = amount
    assert found == {
        day: {currency: Decimal(amount) for currency, amount in amounts.items()}
        for day, amounts in truth["revenue_by_day"].items()
    }


def test_counts_by_hour(run):
    truth, output = run
    sql = (
        "select strftime(date_trunc('hour', window_start), '%Y-%m-%dT%H:00:00Z'), event_type, sum(events)::bigint, "
        "sum(amount) from analytics.event_counts group by all"
    )
    found: dict[str, dict[str, tuple[int, Decimal | None]]] = {}
    for hour, name, events, amount in query(output, sql):
        found.setdefault(name, {})[hour] = (events, amount)
    for name, hours in truth["event_counts_by_hour"].items():
        for hour, told in hours.items():
            events, amount = found[name][hour]
            assert events == told["events"], (hour, name)
            assert amount == (None if told["amount"] is None else Decimal(told["amount"])), (hour, name)
    assert sum(events for hours in found.values() for events, _ in hours.values()) == truth["valid"]


def test_stock(run):
    truth, output = run
    rows = query(output, "select sku, coalesce(warehouse_id, ''), reserved from analytics.stock_level")
    assert {f"{sku}|{warehouse}": reserved for sku, warehouse, reserved in rows} == truth["stock"]


def test_orders_by_status(run):
    truth, output = run
    rows = query(output, "select status, count(*) from analytics.order_current where order_id is not null group by 1")
    assert sum(count for _, count in rows) == truth["orders"]["known"]
    assert {status or "(none)": count for status, count in rows} == truth["orders"]["by_status"]


def test_sagas_by_state_and_alert(run):
    truth, output = run
    states = dict(query(output, "select state, count(*) from analytics.order_saga_current group by 1"))
    assert states == truth["sagas"]["by_state"]
    alerts = dict(query(output, "select alert, count(*) from analytics.saga_alerts group by 1"))
    assert alerts == truth["sagas"]["by_alert"]
