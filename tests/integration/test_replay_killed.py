"""Replays killed at any moment, rejected by the run records, or concurrent: the next run completes them."""

import json
import random
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
from google.api_core.exceptions import ServiceUnavailable

from pipelines.replay.run_records import Claim, RunRecords
from pipelines.replay.time_range import Range
from pipelines.stores.open_stores import open_stores
from pipelines.stores.target import Target
from schemas.timestamps import parse_rfc3339
from tests.support.command import run_command
from tests.support.events import message_line
from tests.support.replay_runs import NEW, finished_run, replay, run_records, untouched
from tests.support.runs import query, write_messages
from tests.support.stores import ALL_TIME, doubles, killed_after, knowledge, lose


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    return finished_run(tmp_path_factory.mktemp("finished"))


@pytest.fixture
def store(finished, tmp_path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "out"))


@pytest.fixture(scope="module")
def known(finished) -> dict:
    return knowledge(finished)


def test_a_ledger_that_cannot_be_reached_stops_everything(store, known, monkeypatch):
    def unreachable(self, sql):
        raise ServiceUnavailable("away")

    monkeypatch.setattr(RunRecords, "_run", unreachable)
    code, _, err = run_command("replay", "--output", store, "--mode", "rebuild", *NEW)
    assert code == 2
    assert "replays` cannot be reached" in err
    assert knowledge(store) == known
    assert untouched(store) == []


def test_the_second_of_two_runs_over_one_range_is_rejected_and_names_the_first(store):
    target = Target.local(store)
    start, end = (parse_rfc3339(text)[0] for text in (NEW[1], NEW[3]))
    with open_stores(target) as endpoints:
        other = Claim("first-run", Range(start, end), "rebuild", "archive", "ann@desk", "1", {})
        assert RunRecords(endpoints.bigquery, target, 600).claim(other) == []
        code, _, err = run_command("replay", "--output", store, "--mode", "backfill", *NEW)
        assert code == 2
        assert "first-run of ann@desk holds this range" in err
        code, _out, err = run_command(
            "replay", "--output", store, "--mode", "backfill", "--from", NEW[3], "--to", "2026-01-01T20:00:00Z"
        )
        assert code == 0, err
    assert ("first-run", "RUNNING") in run_records(store)


STARTED = "warehouse.address.json"
STAGES = "lake/.replay/*/ml"
PUBLISHES = "lake/ml/*/*/*/_manifest-*"
"""What stands in the store's folder once a run has its warehouse, once it writes its staging, and once it has let go the
first file of it: the last moment before the transaction, and the worst."""


def kill_and_complete(store: Path, known: dict, moments: Iterable[tuple[str, float]]) -> int:
    """Kill a rebuild of a store that lost a part, each time so long after a sign; then let the next run complete it."""
    killed = 0
    for sign, moment in moments:
        lose(store, "publish_time >= '2026-01-01T10:00:00Z'")
        words = ("replay", "--output", store, "--mode", "rebuild", "--lease_seconds", "2", *ALL_TIME)
        before = dict(run_records(store))
        killed += killed_after(moment, store, sign, *words)
        new = [run for run in dict(run_records(store)) if run not in before]
        for run_id, state in run_records(store):
            published = query(store, f"select count(*) from event_store.events where run_id = '{run_id}'") != [(0,)]
            assert not (published and state != "DONE"), "rows are visible that no run record names"
        told = [state for run, state in run_records(store) if run in new]
        time.sleep(2.2)
        replay(store, "--mode", "rebuild", "--lease_seconds", "2", *ALL_TIME)
        assert knowledge(store) == known
        assert not any(doubles(store).values())
        assert untouched(store) == []
        states = dict(run_records(store))
        [heir] = [run for run in states if run not in before and run not in new]
        assert states[heir] == "DONE"
        assert "RUNNING" not in states.values()
        if told == ["RUNNING"]:
            [(why,)] = query(store, f"select error from event_store.replay_runs where run_id = '{new[0]}'")
            assert why == f"its lease ended; taken over by {heir}"
    return killed


def test_replays_killed_at_three_moments_are_completed_by_the_next_one(store, known):
    moments = [(STARTED, random.Random(6).uniform(0, 2)), (STAGES, 0.0), (PUBLISHES, 0.0)]
    assert kill_and_complete(store, known, moments) >= 2


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_replays_killed_at_ten_random_moments_are_completed(store, known):
    (store / STARTED).unlink(missing_ok=True)
    began = time.monotonic()
    replay(store, "--mode", "rebuild", *ALL_TIME)
    length = time.monotonic() - began
    chance = random.Random(6)
    moments = [chance.uniform(0, length) for _ in range(10)]
    killed = kill_and_complete(store, known, [(STARTED, moment) for moment in moments])
    print(f"killed {killed} of 10 at {[round(moment, 2) for moment in moments]} s of about {length:.1f}")
    assert killed >= 6


def test_what_was_published_before_is_not_counted_again_by_a_later_range(tmp_path):
    event = {
        "eventId": "00000000-0000-4000-8000-000000000001", "eventType": "iot.telemetry", "eventTime": "2026-06-15T11:58:00Z",
        "source": "iot-gateway", "data": {"deviceId": "d", "metric": "m", "value": 1},
        "metadata": {"correlationId": "00000000-0000-4000-8000-000000000002"},
    }  # fmt: skip
    data = json.dumps(event).encode()
    lines = [
        message_line("iot-events", 1, data, "2026-06-15T12:00:00Z"),
        message_line("iot-events", 2, data, "2026-06-16T12:00:00Z"),
    ]
    source = write_messages(tmp_path / "in" / "iot-events.jsonl", lines)
    store = tmp_path / "out"
    assert run_command("local", "--input", source, "--output", store)[0] == 0
    known = knowledge(store)
    for mode in ("backfill", "rebuild"):
        replay(store, "--mode", mode, "--period", "previous-day", "--at", "2026-06-17T05:00:00Z")
        assert knowledge(store) == known
    assert query(store, "select events from analytics.event_counts") == [(1,)]
