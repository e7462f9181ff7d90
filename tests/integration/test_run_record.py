"""The run records of batch commands: RUNNING, DONE and FAILED with the owner, and what a kill leaves."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipelines.errors import RunFailed
from pipelines.stores.open_stores import open_stores
from pipelines.stores.provision.provision import provision
from pipelines.stores.run_record import Run, close_dead_runs, recorded
from pipelines.stores.target import Target
from tests.support.command import run_command
from tests.support.paths import ROOT
from tests.support.runs import query

STATES = "select command, state from event_store.run_states order by started_time"


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("records") / "in"
    assert run_command("simulate", "--output", folder, "--events", 800)[0] == 0
    return folder


def test_a_run_is_recorded_with_owner_configuration_and_counts(source, tmp_path):
    key = tmp_path / "key"
    key.write_bytes(b"k" * 40)
    output = tmp_path / "out"
    code, _, err = run_command("local", "--input", source, "--output", output, "--pii_key_file", key, "--run_id", "one")
    assert code == 0, err
    columns = "run_id, command, mode, source, state, owner_pid, messages, events, configuration, counts, error"
    [(run_id, command, mode, read, state, pid, messages, events, options, counts, error)] = query(
        output, f"select {columns} from event_store.run_states"
    )
    assert (run_id, command, mode, read, state, pid, error) == (
        "one",
        "local",
        "batch",
        "files",
        "DONE",
        os.getpid(),
        None,
    )
    summary = json.loads((output / "summary.json").read_text())
    assert (messages, events) == (summary["received"], summary["valid"])
    assert (summary["state"], summary["run_id"]) == ("DONE", "one")
    assert json.loads(options)["window_seconds"] == 60
    assert "key" not in options
    rows = {count["table_name"]: count["row_count"] for count in counts}
    assert rows["events"] == query(output, "select count(*) from event_store.events")[0][0]
    records = query(output, "select state, ended_time is null from event_store.runs order by recorded_time")
    assert records == [("RUNNING", True), ("DONE", False)]


def test_a_failure_is_recorded_with_its_reason_and_raised(tmp_path):
    target = Target.local(tmp_path)
    with open_stores(target, create=True) as endpoints:
        provision(endpoints, target)
        with (
            pytest.raises(RunFailed),
            recorded(endpoints.bigquery, target, Run(run_id="r", command="local", started=0)),
        ):
            raise RunFailed('table "events": it\'s full')
        with (
            pytest.raises(ValueError),
            recorded(endpoints.bigquery, target, Run(run_id="s", command="local", started=1)),
        ):
            raise ValueError("anna@example.com")
    states = query(tmp_path, "select state, error from event_store.run_states order by run_id")
    assert states[0] == ("FAILED", 'table "events": it\'s full')
    assert states[1][0] == "FAILED"
    assert states[1][1].startswith("ValueError")
    assert "anna" not in states[1][1]


def test_the_record_of_a_killed_run_is_closed_by_the_next(source, tmp_path):
    output = tmp_path / "out"
    command = [sys.executable, "-m", "pipelines", "local", "--input", str(source), "--output", str(output)]
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    limit = time.monotonic() + 60
    while not list(output.glob("lake/archive/*/*/*/*")) and process.poll() is None and time.monotonic() < limit:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert json.loads((output / "summary.json").read_text())["state"] == "RUNNING"
    assert query(output, STATES) == [("local", "RUNNING")]
    code, _, err = run_command("local", "--input", source, "--output", output, "--append")
    assert code == 0, err
    assert query(output, STATES) == [("local", "FAILED"), ("local", "DONE")]
    [(error,)] = query(output, "select error from event_store.run_states where state = 'FAILED'")
    assert "its process ended before the run did" in error


def test_the_summary_of_a_failed_run_has_state_failed_and_is_not_an_older_one(source, tmp_path):
    output, faults = tmp_path / "out", tmp_path / "faults.yaml"
    assert run_command("local", "--input", source, "--output", output)[0] == 0
    faults.write_text("faults:\n  - {on: create_stream, status: PERMISSION_DENIED}\n")
    words = ("--append", "--run_id", "bad", "--faults", faults, "--sink_retry_budget", "0")
    assert run_command("local", "--input", source, "--output", output, *words)[0] == 1
    summary = json.loads((output / "summary.json").read_text())
    assert (summary["run_id"], summary["state"]) == ("bad", "FAILED")
    assert summary["error"]
    assert query(output, "select state from event_store.run_states where run_id = 'bad'") == [("FAILED",)]


def test_forget_and_provision_are_recorded_without_the_person(source, tmp_path):
    output = tmp_path / "out"
    assert run_command("local", "--input", source, "--output", output)[0] == 0
    [(customer,)] = query(output, "select customer_id from analytics.customer_current order by 1 limit 1")
    code, _, err = run_command("forget", "--output", output, "--customer", customer, "--yes")
    assert code == 0, err
    code, _, err = run_command("provision", "--output", output)
    assert code == 0, err
    assert query(output, STATES) == [("local", "DONE"), ("forget", "DONE"), ("provision", "DONE")]
    assert customer not in str(query(output, "select * from event_store.runs"))


def test_nothing_is_closed_in_the_cloud(tmp_path):
    target = Target.local(tmp_path)
    with open_stores(target, create=True) as endpoints:
        provision(endpoints, target)
        running = recorded(endpoints.bigquery, target, Run(run_id="r", command="provision", started=0))
        running.__enter__()
        cloud = Target("local", lake="gs://bucket")
        assert close_dead_runs(endpoints.bigquery, cloud, "next") == []
        assert close_dead_runs(endpoints.bigquery, target, "next") == ["r"]
        assert close_dead_runs(endpoints.bigquery, target, "next") == []
        running.__exit__(None, None, None)
