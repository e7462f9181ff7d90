"""Rows that a table rejected are delivered: by `redrive` from the event store, and by a backfill that finds them missing."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from pipelines.command_options.requests import redrive_request
from tests.support.command import run_command
from tests.support.replay_runs import replay, untouched
from tests.support.runs import query
from tests.support.stores import ALL_TIME, doubles, knowledge

pytestmark = pytest.mark.full  # minutes of CPU: CI runs them, `make test` does not

REJECTED = {
    "customer_events": [{"on": "append", "table": "customer_events", "status": "PERMISSION_DENIED"}],
    "order_events": [
        {"on": "append", "table": "order_events", "row_errors": {"column": "event_id", "matches": "[0-7]$"}}
    ],
    "events": [{"on": "append", "table": "events", "row_errors": {"column": "event_id", "matches": "[0-3]$"}}],
    "event_counts": [{"on": "append", "table": "event_counts", "status": "PERMISSION_DENIED"}],
    "order_sagas": [{"on": "append", "table": "order_sagas", "status": "PERMISSION_DENIED"}],
}


@pytest.fixture(scope="module")
def messages(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("messages") / "in"
    assert run_command("simulate", "--output", folder, "--events", 150, "--seed", 4, "--dirty", 0.05)[0] == 0
    return folder


@pytest.fixture(scope="module")
def known(messages, tmp_path_factory) -> dict:
    store = tmp_path_factory.mktemp("undisturbed") / "out"
    code, _, err = run_command("local", "--input", messages, "--output", store)
    assert code == 0, err
    return knowledge(store)


@pytest.fixture(scope="module", params=REJECTED)
def rejected(request, messages, tmp_path_factory) -> tuple[str, Path]:
    """A store of which one table rejected rows, with their dead letters in the table."""
    folder = tmp_path_factory.mktemp(f"rejected_{request.param}")
    (folder / "faults.json").write_text(json.dumps({"faults": REJECTED[request.param]}))
    words = ("--faults", folder / "faults.json", "--sink_retry_budget", "0")
    code, _, err = run_command("local", "--input", messages, "--output", folder / "out", *words)
    assert code == 1, err
    return request.param, folder / "out"


@pytest.fixture
def store(rejected, tmp_path) -> Path:
    return Path(shutil.copytree(rejected[1], tmp_path / "out"))


def open_rows(store: Path) -> int:
    sql = "select count(*) from event_store.dead_letter_states where stage = 'sink' and state = 'open'"
    [(count,)] = query(store, sql)
    return count


def test_redrive_delivers_rejected_rows_and_the_views_are_exact(rejected, store, known):
    table = rejected[0]
    count = open_rows(store)
    assert count > 0
    code, out, err = run_command("redrive", "--output", store, "--codes", "SINK_REJECTED")
    assert code == 0, err
    assert f"rows of {table} to deliver: {count:,}" in out
    assert f"delivered {count:,} of {count:,} rejected rows" in out
    assert knowledge(store) == known
    assert not any(doubles(store).values())
    assert open_rows(store) == 0
    assert untouched(store) == []
    assert "no open dead letters" in run_command("redrive", "--output", store, "--codes", "SINK_REJECTED")[1]


def test_rejected_rows_are_delivered_beside_messages_to_topics(rejected, store, known, monkeypatch):
    monkeypatch.setattr("pipelines.replay.redrive.run.publish", lambda messages, project: None)
    count = open_rows(store)
    words = ("--codes", "SINK_REJECTED", "--to_topics", "--pubsub_project", "p-1")
    code, out, err = run_command("redrive", "--output", store, *words)
    assert code == 0, err
    assert f"sent 0, delivered {count:,} of {count:,} rejected rows" in out
    assert knowledge(store) == known
    assert open_rows(store) == 0


def test_rejected_rows_without_a_lake_are_named_and_fail_the_command(rejected, store, monkeypatch):
    monkeypatch.setattr("pipelines.replay.redrive.run.publish", lambda messages, project: None)
    made = redrive_request

    def without_lake(*args):
        request = made(*args)
        return replace(request, target=replace(request.target, lake=""))

    monkeypatch.setattr("pipelines.cli.commands.redrive.redrive_request", without_lake)
    count = open_rows(store)
    words = ("--codes", "SINK_REJECTED", "--to_topics", "--pubsub_project", "p-1")
    code, _, err = run_command("redrive", "--output", store, *words)
    assert code == 1
    lines = [line for line in err.splitlines() if f"the row of {rejected[0]} is not delivered" in line]
    assert len(lines) == count
    assert all("--lake" in line for line in lines)
    assert open_rows(store) == count


def test_a_backfill_delivers_rejected_rows_and_the_views_are_exact(rejected, store, known):
    replay(store, "--mode", "backfill", *ALL_TIME)
    assert knowledge(store) == known
    assert not any(doubles(store).values())


def test_a_backfill_from_the_event_store_delivers_what_the_archive_lacks(messages, known, tmp_path):
    store = tmp_path / "out"
    code, _, err = run_command("local", "--input", messages, "--output", store)
    assert code == 0, err
    with duckdb.connect(str(store / "warehouse.duckdb")) as connection:
        connection.execute("delete from analytics.customer_events where event_id like '%1'")
    shutil.rmtree(store / "lake" / "archive" / "customers")
    replay(store, "--mode", "backfill", *ALL_TIME)
    assert knowledge(store) == known
