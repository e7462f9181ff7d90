"""simulate, then local: every order's saga is the one that the simulation planned; and `sagas` shows them."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from google.cloud import bigquery

from pipelines.bigquery_emulator.client import bigquery_client
from pipelines.bigquery_emulator.server import BigQueryEmulator
from pipelines.simulator.order_scenarios import SCENARIOS
from schemas.saga.reducer import END_OF_INPUT_US, reduce_saga
from schemas.tables.definitions import DATASET_OF
from tests.support.command import run_command
from tests.support.runs import query
from transforms.sagas.history import SagaHistory
from transforms.sinks.bigquery.bigquery_tables import BigQueryTables
from transforms.sources.read_event_store import Store

TIMEOUT = timedelta(minutes=30)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory) -> tuple[list[dict], Path]:
    folder = tmp_path_factory.mktemp("sagas")
    assert run_command("simulate", "--output", folder / "in", "--events", 12_000, "--seed", 5, "--late", 0.05)[0] == 0
    code, _, err = run_command("local", "--input", folder / "in", "--output", folder / "out")
    assert code == 0, err
    lines = (folder / "in" / "truth-sagas.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines], folder / "out"


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_every_row_is_what_the_simulation_planned(simulated):
    truth, output = simulated
    found = query(
        output,
        "select order_id, correlation_id, state, started_time, updated_time, events, list_sort(alerts), "
        "version % 2 = 1 from analytics.order_sagas",
    )
    assert {row[0]: row[1:] for row in found} == {
        saga["order_id"]: (
            saga["correlation_id"],
            saga["state"],
            moment(saga["started_time"]),
            moment(saga["updated_time"]),
            saga["events"],
            sorted(saga["alerts"]),
            saga["alerts"] == ["SAGA_STUCK"],
        )
        for saga in truth
    }
    assert len(found) == len(truth) > 1_000
    assert {saga["life"] for saga in truth} == {life.name for life in SCENARIOS}, "every kind of failure is there"


def test_a_start_reads_the_existing_rows_and_not_those_it_writes_itself(simulated):
    _, output = simulated
    with BigQueryEmulator(output / "warehouse.duckdb") as server, bigquery_client(server.rest_url) as client:
        history = SagaHistory(Store("local", server.rest_url), BigQueryTables("local", DATASET_OF), 0)
        history.read(2)
        stood = {order.order_id: len(order.facts) for order in history.orders()}
        [told] = client.query_and_wait("SELECT order_id FROM analytics.payment_events LIMIT 1")
        client.query_and_wait(
            f"""INSERT INTO analytics.payment_events SELECT * REPLACE ('one-more' AS event_id)
                FROM analytics.payment_events WHERE order_id = '{told.order_id}' LIMIT 1"""
        )
        try:
            taken = {order.order_id: len(order.facts) for shard in range(2) for order in history.take(shard, 2)}
            again = {order.order_id: len(order.facts) for shard in range(2) for order in history.take(shard, 2)}
        finally:
            client.query_and_wait("DELETE FROM analytics.payment_events WHERE event_id = 'one-more'")
    assert taken == stood
    assert again == {**stood, told.order_id: stood[told.order_id] + 1}


def test_the_stores_alone_give_the_sagas_again_and_the_refunds_that_were_planned(simulated):
    """What a second start of a stream reads: all facts of every order, its alerts and its version."""
    truth, output = simulated
    with BigQueryEmulator(output / "warehouse.duckdb") as server:
        tables = BigQueryTables("local", DATASET_OF)
        known = {order.order_id: order for order in SagaHistory(Store("local", server.rest_url), tables, 0).orders()}
        last = max(moment(saga["updated_time"]) for saga in truth)
        late = int(last.timestamp() - 3600) * 1_000_000
        recent = [order.order_id for order in SagaHistory(Store("local", server.rest_url), tables, late).orders()]
    rows = query(output, "select order_id, state, alerts, version from analytics.order_saga_current")
    sagas = {
        order_id: reduce_saga(order_id, item.facts, now_us=END_OF_INPUT_US) for order_id, item in sorted(known.items())
    }
    assert {(name, saga.state.value, saga.alerts, saga.version) for name, saga in sagas.items()} == {
        (order_id, state, tuple(alerts), version) for order_id, state, alerts, version in rows
    }
    assert all(item.alerts == set(sagas[order_id].alerts) for order_id, item in known.items())
    assert all(item.version == sagas[order_id].version for order_id, item in known.items())
    assert {name for name, saga in sagas.items() if any(step.step == "refund" for step in saga.compensations)} == {
        saga["order_id"] for saga in truth if saga["refund_owed"]
    }
    assert 0 < len(recent) < len(truth)
    assert set(recent) == {name for name, item in known.items() if max(item.published) >= late}


def test_only_what_is_open_has_a_deadline_and_a_stuck_order_passed_it(simulated):
    _, output = simulated
    rows = query(output, "select state, deadline, updated_time from analytics.order_sagas")
    for state, deadline, updated in rows:
        assert (deadline is None) == (state in ("COMPLETED", "CANCELLED"))
        assert deadline is None or deadline <= updated + TIMEOUT


def test_each_alert_has_one_row_whose_event_is_one_of_the_order(simulated):
    truth, output = simulated
    rows = query(output, "select order_id, alert, event_id from analytics.saga_alerts")
    assert sorted((order, alert) for order, alert, _ in rows) == sorted(
        (saga["order_id"], alert) for saga in truth for alert in saga["alerts"]
    )
    assert all((event_id is None) == (alert == "SAGA_STUCK") for _, alert, event_id in rows)
    [(strays,)] = query(
        output,
        "select count(*) from analytics.saga_alerts a where event_id is not null and not exists "
        "(from event_store.events e where e.event_id = a.event_id and e.correlation_id = a.correlation_id)",
    )
    assert strays == 0


def test_sagas_counts_orders_by_state(simulated):
    truth, output = simulated
    code, out, _ = run_command("sagas", "--output", output, "--format", "json")
    assert code == 0
    counted = {row["state"]: (row["orders"], row["stuck"]) for row in map(json.loads, out.splitlines())}
    states = {saga["state"] for saga in truth}
    assert counted == {
        state: (
            sum(saga["state"] == state for saga in truth),
            sum(saga["state"] == state and saga["alerts"] == ["SAGA_STUCK"] for saga in truth),
        )
        for state in states
    }


def test_sagas_lists_the_stuck_longest_first(simulated):
    truth, output = simulated
    code, out, _ = run_command("sagas", "--output", output, "--stuck", "--format", "json", "--limit", 10_000)
    assert code == 0
    rows = [json.loads(line) for line in out.splitlines()]
    assert {row["order_id"] for row in rows} == {s["order_id"] for s in truth if s["alerts"] == ["SAGA_STUCK"]}
    assert [moment(row["deadline"]) for row in rows] == sorted(moment(row["deadline"]) for row in rows)


def test_sagas_lists_states_and_reports_omitted_rows(simulated):
    _, output = simulated
    words = ("sagas", "--output", output, "--state", "PAID", "--state", "RESERVED", "--limit", 2)
    code, out, err = run_command(*words, "--format", "json")
    assert code == 0
    assert {json.loads(line)["state"] for line in out.splitlines()} <= {"PAID", "RESERVED"}
    assert len(out.splitlines()) == 2
    assert "the first 2 rows" in err


def test_sagas_prints_the_transitions_of_one_order(simulated):
    truth, output = simulated
    order = next(saga for saga in truth if saga["life"] == "paid_late")
    code, out, _ = run_command("sagas", "--output", output, "--order", order["order_id"], "--format", "json")
    assert code == 0
    lines = [json.loads(line) for line in out.splitlines()]
    whats = [line["what"] for line in lines]
    assert [what for what in whats if what != "inventory.reserved"] == [
        "order.created",
        "SAGA_STUCK",
        "payment.processed",
        "SAGA_RECOVERED",
        "order.completed",
    ]
    assert len(lines) == order["events"] + 2
    assert [line["state"] for line in lines if line["state"]][-1] == "COMPLETED"
    assert [line["time"] for line in lines] == sorted(line["time"] for line in lines)


def test_sagas_prints_the_required_compensation(simulated):
    truth, output = simulated
    order = next(saga for saga in truth if saga["life"] == "refund_owed_cancelled_first")
    _, out, _ = run_command("sagas", "--output", output, "--order", order["order_id"], "--format", "json")
    cancelled = next(line for line in map(json.loads, out.splitlines()) if line["detail"] == "CANCELLED")
    owed = cancelled["owed"].split(", ")
    assert owed[0].startswith(f"refund pay-{order['order_id']}")
    assert all(step.startswith("release ") for step in owed[1:])


def test_a_project_is_queried_in_the_same_way_as_a_folder(simulated, monkeypatch):
    truth, output = simulated
    asked: list[str] = []
    with BigQueryEmulator(output / "warehouse.duckdb", project="shop-1") as server:

        def client(project: str, location: str | None) -> bigquery.Client:
            asked.append(project)
            return bigquery_client(server.rest_url, project)

        monkeypatch.setattr("pipelines.stores.open_stores.cloud_client", client)
        by_project = [
            run_command("sagas", "--project", "shop-1", "--format", "json", *words)
            for words in ((), ("--stuck",), ("--state", "PAID"), ("--order", truth[0]["order_id"]))
        ]
    by_folder = [
        run_command("sagas", "--output", output, "--format", "json", *words)
        for words in ((), ("--stuck",), ("--state", "PAID"), ("--order", truth[0]["order_id"]))
    ]
    assert asked == ["shop-1"] * 4
    assert by_project == by_folder
    assert all(code == 0 and out for code, out, _ in by_project)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        pytest.param(["--order", "nobody"], "--order nobody", id="unknown order"),
        pytest.param(["--order", "o", "--stuck"], "--order o", id="order and filter"),
        pytest.param(["--state", "LOST"], "--state", id="unknown state"),
        pytest.param(["--limit", "0"], "--limit", id="no rows"),
    ],
)
def test_a_users_mistake_is_named(simulated, words, says):
    code, _, err = run_command("sagas", "--output", simulated[1], *words)
    assert code == 2
    assert says in err
