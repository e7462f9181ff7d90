"""A sick BigQuery costs time and never a row: `local` against a loopback with faults, every message accounted for."""

import json
import time
from pathlib import Path

import pytest

from tests.support.command import run_command
from tests.support.runs import query

EVENTS = [
    pytest.param(4000, id="4k"),
    pytest.param(100_000, id="100k", marks=[pytest.mark.slow, pytest.mark.timeout(1200)]),
]
RATE = 0.1
FAULTS = {
    "unavailable": [{"on": "append", "rate": RATE, "seed": 1, "status": "UNAVAILABLE"}],
    "throttled": [{"on": "append", "rate": RATE, "seed": 2, "status": "RESOURCE_EXHAUSTED"}],
    "aborted": [{"on": "append", "rate": RATE, "seed": 3, "status": "ABORTED"}],
    "deadline": [{"on": "append", "rate": RATE, "seed": 4, "status": "DEADLINE_EXCEEDED"}],
    "internal": [{"on": "append", "rate": RATE, "seed": 5, "status": "INTERNAL"}],
    "reply lost": [{"on": "append", "rate": RATE, "seed": 6, "reply_lost": True}],
    "stream closed": [{"on": "append", "rate": RATE, "seed": 7, "close_stream": True}],
    "commit fails": [{"on": "commit", "call": "1-3", "status": "UNAVAILABLE"}],
    "commit's reply lost": [{"on": "commit", "call": [1, 2], "reply_lost": True}],
    "finalize fails": [{"on": "finalize", "rate": 0.3, "seed": 8, "status": "UNAVAILABLE"}],
    "create fails": [{"on": "create_stream", "rate": 0.3, "seed": 9, "status": "INTERNAL"}],
}
ROW_ERRORS = [{"on": "append", "table": "events", "row_errors": {"column": "entity_id", "matches": "7$"}}]
ALL_AT_ONCE = [fault for script in FAULTS.values() for fault in script] + ROW_ERRORS


@pytest.fixture(scope="module", params=EVENTS)
def source(request, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("sick") / "in"
    assert run_command("simulate", "--output", folder, "--events", request.param, "--seed", 13)[0] == 0
    return folder


def run_with(faults: list[dict], source: Path, folder: Path, *options: object) -> tuple[Path, dict, str]:
    folder.mkdir(exist_ok=True)
    (folder / "faults.json").write_text(json.dumps({"faults": faults}))
    words = ("--faults", folder / "faults.json", *options)
    code, _, err = run_command("local", "--input", source, "--output", folder / "out", *words)
    assert code == 0, err
    return folder / "out", json.loads((folder / "out" / "summary.json").read_text()), err


def check_accounts(output: Path, summary: dict, source: Path) -> None:
    """Assert that rows and dead letters are the messages sent, that no event is lost and none stands twice."""
    truth = json.loads((source / "truth.json").read_text())
    assert summary["difference"] is None
    assert summary["received"] == truth["messages"]
    assert summary["dead_letters_by_code"].get("INTERNAL", 0) == 0
    [(rows, distinct)] = query(output, "select count(*), count(distinct event_id) from event_store.events")
    assert rows == distinct
    refused = {
        json.loads(line)["event_id"]
        for path in (output / "lake" / "dead_letters").rglob("*.jsonl")
        for line in path.read_text().splitlines()
        if json.loads(line)["stage"] == "sink" and json.loads(line)["path"] == "events"
    }
    assert rows + len(refused) == truth["valid"]


# each fault alone against the sink is in test_append_rows.py; here the rest of them are slow tests
QUICK = ("reply lost", "commit's reply lost")


@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in FAULTS])
def test_a_transient_fault_loses_nothing_and_doubles_nothing(name, source, tmp_path):
    output, summary, _ = run_with(FAULTS[name], source, tmp_path)
    check_accounts(output, summary, source)
    assert "SINK_EXHAUSTED" not in summary["dead_letters_by_code"]
    assert "SINK_REJECTED" not in summary["dead_letters_by_code"]


def test_refused_rows_become_dead_letters_and_the_others_stand(source, tmp_path):
    output, summary, _ = run_with(ROW_ERRORS, source, tmp_path)
    check_accounts(output, summary, source)
    assert summary["dead_letters_by_code"]["SINK_REJECTED"] > 0
    assert query(output, "select count(*) from event_store.events where entity_id like '%7'") == [(0,)]


def test_all_faults_at_once(source, tmp_path):
    output, summary, _ = run_with(ALL_AT_ONCE, source, tmp_path)
    check_accounts(output, summary, source)


@pytest.mark.parametrize(
    "status",
    ["PERMISSION_DENIED", *(pytest.param(s, marks=pytest.mark.slow) for s in ("INVALID_ARGUMENT", "NOT_FOUND"))],
)
def test_a_permanent_fault_is_a_dead_letter_soon(status, source, tmp_path):
    began = time.monotonic()
    faults = [{"on": "append", "table": "events", "status": status}]
    output, summary, _ = run_with(faults, source, tmp_path)
    assert time.monotonic() - began < 60
    check_accounts(output, summary, source)
    assert query(output, "select count(*) from event_store.events") == [(0,)]


def test_a_budget_that_is_used_up_ends_in_the_files(source, tmp_path):
    faults = [{"on": "append", "table": "iot_telemetry", "status": "UNAVAILABLE"}]
    output, summary, _ = run_with(faults, source, tmp_path, "--sink_retry_budget", 1)
    check_accounts(output, summary, source)
    assert summary["dead_letters_by_code"]["SINK_EXHAUSTED"] == summary["by_event_type"]["iot.telemetry"]["valid"]
