"""`query` against the BigQuery emulator: views now and as of a moment, in every format, and a user's mistakes."""

import csv
import io
import json

import pytest

from pipelines.cli.main import main
from pipelines.stores.open_stores import open_stores
from pipelines.stores.provision.provision import provision
from pipelines.stores.target import Target
from schemas.views import all_views, find_view
from tests.support.deliveries import Delivery, Fact, at, stored
from tests.support.golden_events import SAGAS, golden

HOSTILE = Fact(
    "90", "customer.updated", at(6), {"customer_id": "-c", "country": "=1+1", "type": "@x", "status": "\x1b[2J"}
)


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    target = Target.local(folder)
    with open_stores(target, create=True) as endpoints:
        provision(endpoints, target)
        for table, rows in stored([*golden(), Delivery(HOSTILE, "m90", at(1))], SAGAS).values():
            lines = [json.loads(json.dumps(row, default=str)) for row in rows]
            if lines:  # a load job: insertAll does not reach the partitions of old events
                endpoints.bigquery.load_table_from_json(lines, target.table(table.dataset, table.name)).result()
    return folder


def query(directory, capsys, *options):
    code = main(["query", "--output", str(directory), *options])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def rows(directory, capsys, view, *options):
    code, out, _ = query(directory, capsys, "--view", view, "--format", "json", "--limit", "0", *options)
    assert code == 0
    return [json.loads(line) for line in out.splitlines()]


def test_the_newest_state_is_by_event_time_not_by_arrival(directory, capsys):
    orders = {row["order_id"]: row for row in rows(directory, capsys, "order_current")}
    assert orders["o1"] == {
        "order_id": "o1",
        "customer_id": "c1",
        "status": "PAID",
        "currency": "USD",
        "total_amount": "0",
        "items": [],
        "created_time": "2026-06-15T23:50:00Z",
        "updated_time": "2026-06-15T23:51:30Z",
        "completed_time": "2026-06-15T23:51:20Z",
        "events": 5,
        "state": "COMPLETED",
    }
    assert list(orders) == ["o1", "o2", "o3"]


def test_as_of_a_moment_only_what_had_happened_counts(directory, capsys):
    [order, _] = rows(directory, capsys, "order_current", "--as_of", "2026-06-16T01:50:30+02:00")
    assert (order["status"], order["currency"], order["completed_time"], order["events"]) == ("PAID", "USD", None, 3)
    assert [item["sku"] for item in order["items"]] == ["a", "b"]


# views of runs and dead letters have no rows in this store: test_views_engines.py fills them
FILLED = [view for view in all_views() if view.name not in ("dead_letter_states", "replay_runs", "run_states")]


@pytest.mark.parametrize("view", FILLED, ids=lambda view: f"{view.dataset}.{view.name}")
def test_every_view_answers_in_the_order_of_its_key(directory, capsys, view):
    found = rows(directory, capsys, f"{view.dataset}.{view.name}")
    keys = [[row[name] or "" for name in view.key] for row in found]
    assert found
    assert keys == sorted(keys)
    assert list(found[0]) == list(view.columns)


def test_a_name_that_two_datasets_have_is_that_of_analytics(directory, capsys):
    assert "data" not in rows(directory, capsys, "events_distinct")[0]
    assert "data" in rows(directory, capsys, "event_store.events_distinct")[0]


def test_csv_runs_nothing(directory, capsys):
    code, out, _ = query(directory, capsys, "--view", "customer_current", "--format", "csv")
    assert code == 0
    line = next(row for row in csv.DictReader(io.StringIO(out)) if "-c" in row["customer_id"])
    assert (line["customer_id"], line["country"], line["type"]) == ("'-c", "'=1+1", "'@x")


def test_a_truncated_table_is_reported_on_stderr(directory, capsys):
    code, out, err = query(directory, capsys, "--view", "order_current", "--limit", "1")
    assert (code, len(out.splitlines())) == (0, 3)
    assert "the first 1 rows; --limit 0 prints all" in err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param(["--view", "orders"], "--view orders: no such view; one of", id="view"),
        pytest.param(["--view", "analytics.order_current; DROP"], "no such view", id="injection"),
        pytest.param(["--view", "order_current", "--as_of", "15.6.2026"], "--as_of 15.6.2026: not a time", id="time"),
        pytest.param(["--view", "order_current", "--as_of", "2026-02-30T00:00:00Z"], "--as_of 2026-02-30", id="day"),
        pytest.param(
            ["--view", "order_saga_current", "--as_of", "2026-06-15T00:00:00Z"], "has no history", id="no-history"
        ),
        pytest.param(["--view", "order_current", "--limit", "-1"], "--limit -1: must be 0", id="limit"),
    ],
)
def test_a_users_mistake_is_named_and_exits_with_2(directory, capsys, options, message):
    code, out, err = query(directory, capsys, *options)
    assert (code, out) == (2, "")
    assert message in err


def test_a_folder_without_a_warehouse_is_an_error_and_missing_views_are_added(tmp_path, capsys):
    code, _, err = query(tmp_path, capsys, "--view", "order_current")
    assert (code, f"--output {tmp_path}: there is no warehouse.duckdb" in err) == (2, True)
    with open_stores(Target.local(tmp_path), create=True):
        pass
    code, _, err = query(tmp_path, capsys, "--view", "order_current")
    assert code == 0, err


def test_an_unqualified_name_finds_a_view_of_every_dataset():
    assert {view.name for view in all_views() if find_view(view.name) is None} == set()
