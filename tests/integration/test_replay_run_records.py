"""Run records: of many concurrent claims one wins, a dead run's range is free after its lease, and errors are reported."""

import dataclasses
import threading
import time
from pathlib import Path

import pytest
import requests
from google.api_core.exceptions import BadRequest, Forbidden, RetryError, ServiceUnavailable
from google.auth.exceptions import RefreshError
from google.cloud import bigquery

from pipelines.bigquery_emulator.client import bigquery_client
from pipelines.bigquery_emulator.server import BigQueryEmulator
from pipelines.errors import RunFailed, UserError
from pipelines.replay.run_records import Claim, RunRecords
from pipelines.replay.time_range import Range
from pipelines.stores.open_stores import open_stores
from pipelines.stores.provision.provision import provision
from pipelines.stores.target import Target
from tests.support.command import run_command
from tests.support.stores import ALL_TIME

CLAIM = Claim("first", Range(0, 10**6), "rebuild", "archive", "ann@desk", "1", {})


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory):
    path = tmp_path_factory.mktemp("ledger") / "warehouse.duckdb"
    target = Target.local(path.parent)
    with BigQueryEmulator(path) as server:
        with open_stores(target) as endpoints:
            provision(endpoints, target)
        yield server


@pytest.fixture
def run_records(warehouse) -> RunRecords:
    run_records = RunRecords(bigquery_client(warehouse.rest_url), Target.local(warehouse.path.parent), 600)
    run_records.client.query("DELETE FROM event_store.replays WHERE TRUE").result()
    return run_records


def named(name: str, **more) -> Claim:
    return dataclasses.replace(CLAIM, run_id=name, **more)


def state(run_records: RunRecords) -> dict[str, str]:
    rows = run_records.client.query("SELECT run_id, state FROM event_store.replay_runs").result()
    return {row.run_id: row.state for row in rows}


def test_of_many_concurrent_claims_one_wins_and_the_others_name_it(run_records, warehouse):
    told: dict[str, str] = {}
    start = threading.Barrier(8)

    def claim(name: str) -> None:
        own = RunRecords(bigquery_client(warehouse.rest_url), run_records.target, 600)
        start.wait()
        try:
            own.claim(named(name))
            told[name] = ""
        except UserError as rejected:
            told[name] = str(rejected)

    threads = [threading.Thread(target=claim, args=(f"run-{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    [winner] = [name for name, text in told.items() if not text]
    assert all(f"replay {winner} of ann@desk holds this range" in text for text in told.values() if text)
    assert [name for name, item in state(run_records).items() if item == "RUNNING"] == [winner]


@pytest.mark.parametrize(
    ("other", "meets"),
    [
        pytest.param({"range": Range(10**6, 2 * 10**6)}, False, id="begins where it ends"),
        pytest.param({"range": Range(10**6 - 1, 2 * 10**6)}, True, id="a microsecond in common"),
        pytest.param({"range": Range(5 * 10**6, 6 * 10**6, "event_time")}, True, id="another clock: nobody knows"),
        pytest.param({"into": "beside", "mode": "shadow"}, False, id="a shadow writes elsewhere"),
        pytest.param({"command": "redrive"}, True, id="a redrive"),
    ],
)
def test_ranges_that_meet_are_rejected(run_records, other, meets):
    run_records.claim(CLAIM)
    if meets:
        with pytest.raises(UserError, match="first of ann@desk holds this range"):
            run_records.claim(named("second", **other))
    else:
        assert run_records.claim(named("second", **other)) == []


def test_a_dead_runs_range_is_taken_over_when_its_lease_ends_and_not_before(run_records):
    dead = dataclasses.replace(run_records, lease_seconds=1)
    dead.claim(CLAIM)
    with pytest.raises(UserError, match="first"):
        run_records.claim(named("early"))
    time.sleep(1.1)
    assert run_records.claim(named("heir")) == ["first"]
    assert state(run_records) == {"first": "FAILED", "heir": "RUNNING"}
    [row] = run_records.client.query("SELECT error FROM event_store.replay_runs WHERE run_id = 'first'").result()
    assert row.error == "its lease ended; taken over by heir"
    with pytest.raises(RunFailed, match="its lease ended"):
        dead.check_held(CLAIM)  # it was only asleep


def test_a_running_replay_renews_its_lease_and_its_failure_is_recorded(run_records, warehouse):
    short = dataclasses.replace(run_records, lease_seconds=1)
    short.claim(CLAIM)

    def work() -> None:
        time.sleep(1.6)
        with pytest.raises(UserError, match="first of ann@desk holds"):
            run_records.claim(named("second"))
        raise RunFailed("the disk is full")

    with pytest.raises(RunFailed), short.held(CLAIM, bigquery_client(warehouse.rest_url)):
        work()
    [row] = run_records.client.query("SELECT state, error FROM event_store.replay_runs WHERE run_id = 'first'").result()
    assert (row.state, row.error) == ("FAILED", "the disk is full")


def test_the_earlier_of_two_claims_passes_and_the_other_does_not_even_where_it_was_seen_too_late(run_records):
    """In BigQuery a claim begun first may be committed after a later one was checked: neither saw the other."""
    run_records.claim(named("later"))
    early = run_records.row(named("earlier"), "RUNNING").replace(
        "CURRENT_TIMESTAMP()", "TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 5 SECOND)", 1
    )
    run_records.client.query(early).result()
    run_records.check_held(named("earlier"))
    with pytest.raises(RunFailed, match="another run claimed it first; nothing was changed"):
        run_records.check_held(named("later"))
    run_records.client.query("CREATE TABLE IF NOT EXISTS event_store.mark (run STRING)").result()
    run_records.client.query(_publish(run_records, named("earlier"))).result()
    run_records.client.query(run_records.row(named("earlier"), "DONE")).result()
    with pytest.raises(BadRequest, match="another run claimed it first"):
        run_records.client.query(_publish(run_records, named("later"))).result()
    assert [row.run for row in run_records.client.query("SELECT run FROM event_store.mark").result()] == ["earlier"]


def _publish(run_records: RunRecords, claim: Claim) -> str:
    insert = f"INSERT INTO event_store.mark (run) VALUES ('{claim.run_id}')"
    return f"BEGIN TRANSACTION;\n{insert};\n{run_records.guard(claim)};\nCOMMIT TRANSACTION;"


@pytest.mark.parametrize(
    "silence",
    [
        pytest.param(ServiceUnavailable("away"), id="503"),
        pytest.param(Forbidden("no permission"), id="403"),
        pytest.param(RetryError("timed out", ServiceUnavailable("away")), id="retries used up"),
        pytest.param(requests.exceptions.ConnectionError("refused"), id="no connection"),
        pytest.param(RefreshError("no token"), id="no token"),
        pytest.param(TimeoutError(), id="no answer"),
    ],
)
@pytest.mark.parametrize("command", ["replay", "redrive"])
def test_a_ledger_that_does_not_answer_is_one_line_exit_2_and_nothing_is_written(
    warehouse, monkeypatch, command, silence
):
    before = warehouse.path.stat().st_mtime_ns, sorted(Path(warehouse.path.parent).rglob("*"))
    folder = warehouse.path.parent
    (folder / "lake").mkdir(exist_ok=True)
    asked = []

    def silent(self, sql, *args, **more):
        asked.append(sql)
        raise silence

    monkeypatch.setattr(bigquery.Client, "query", silent)
    words = (*ALL_TIME, "--mode", "rebuild") if command == "replay" else ()
    code, out, err = run_command(command, "--output", folder, *words)
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert "replays` cannot be reached: " in err
    assert len(asked) == 1
    assert before[0] == warehouse.path.stat().st_mtime_ns


@pytest.mark.parametrize("words", [["dead-letters"], ["dead-letters", "show", "x"], ["history", "--order", "o"]])
def test_a_store_that_does_not_answer_is_one_line(warehouse, monkeypatch, words):
    def silent(self, sql, *args, **more):
        raise RetryError("timed out", ServiceUnavailable("away"))

    monkeypatch.setattr(bigquery.Client, "query", silent)
    code, out, err = run_command(*words, "--output", warehouse.path.parent)
    assert (code, out, len(err.splitlines())) == (1, "", 1)
    assert "ServiceUnavailable" in err
