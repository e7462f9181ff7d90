"""`local` against a BigQuery emulator with faults: no row is lost, every rejected row is reported and stored as a dead
letter.
"""

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


def run_with(
    faults: list[dict], source: Path, folder: Path, *options: object, expected: int = 0
) -> tuple[Path, dict, str]:
    folder.mkdir(exist_ok=True)
    (folder / "faults.json").write_text(json.dumps({"faults": faults}))
    words = ("--faults", folder / "faults.json", *options)
    code, _, err = run_command("local", "--input", source, "--output", folder / "out", *words)
    assert code == expected, err
    return folder / "out", json.loads((folder / "out" / "summary.json").read_text()), err


def dead_letters_in_files(output: Path) -> list[dict]:
    """Return the dead letters of stage `sink` in the lake's files."""
    lines = [
        json.loads(line)
        for path in (output / "lake" / "dead_letters").rglob("*.jsonl")
        for line in path.read_text().splitlines()
    ]
    return [line for line in lines if line["stage"] == "sink"]


def check_accounts(output: Path, summary: dict, source: Path) -> None:
    """Assert that no event is lost and none is stored twice, and that per table rows + undelivered = events."""
    truth = json.loads((source / "truth.json").read_text())
    assert summary["difference"] is None
    assert summary["received"] == truth["messages"]
    assert summary["valid"] == truth["valid"]
    assert summary["dead_letters_by_code"].get("INTERNAL", 0) == 0
    dead_letters = dead_letters_in_files(output)
    for table in ("events", "order_events", "customer_events", "inventory_events", "payment_events", "iot_telemetry"):
        schema = "event_store" if table == "events" else "analytics"
        [(rows, distinct)] = query(output, f"select count(*), count(distinct event_id) from {schema}.{table}")
        rejected = {line["event_id"] for line in dead_letters if line["table_name"] == table}
        assert rows == distinct
        assert len(rejected) == summary["undelivered"].get(table, 0)
        assert summary["tables"][table] == {
            "made": rows + len(rejected),
            "rows": rows,
            "undelivered": len(rejected),
        }
    assert summary["tables"]["events"]["made"] == truth["valid"]


def check_dead_letters(output: Path, summary: dict) -> None:
    """Assert that every undelivered row is a dead letter in the table and in the files, which name event and table."""
    stored = query(
        output,
        "select table_name, event_id, dead_letter_id from event_store.dead_letters where stage = 'sink' order by all",
    )
    filed = [(line["table_name"], line["event_id"], line["dead_letter_id"]) for line in dead_letters_in_files(output)]
    assert stored == sorted(filed)
    assert len(stored) == sum(summary["undelivered"].values())


# each fault alone against the sink is in test_append_rows.py; here the rest of them are slow tests
QUICK = ("reply lost", "commit's reply lost")


@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in FAULTS])
def test_a_transient_fault_loses_nothing_and_doubles_nothing(name, source, tmp_path):
    output, summary, _ = run_with(FAULTS[name], source, tmp_path)
    check_accounts(output, summary, source)
    assert summary["undelivered"] == {}


def test_rejected_rows_become_dead_letters_and_the_others_are_stored(source, tmp_path):
    output, summary, err = run_with(ROW_ERRORS, source, tmp_path, expected=1)
    check_accounts(output, summary, source)
    check_dead_letters(output, summary)
    assert summary["dead_letters_by_code"]["SINK_REJECTED"] == summary["undelivered"]["events"] > 0
    assert query(output, "select count(*) from event_store.events where entity_id like '%7'") == [(0,)]
    columns = query(output, "select distinct column_name from event_store.dead_letters where stage = 'sink'")
    assert columns == [("entity_id",)]
    assert f"undelivered rows: events {summary['undelivered']['events']:,}" in err
    assert f"redrive --output {output} --codes SINK_REJECTED" in err
    assert "Traceback" not in err


def test_undelivered_rows_can_be_allowed(source, tmp_path):
    output, summary, err = run_with(ROW_ERRORS, source, tmp_path, "--allow_undelivered")
    check_accounts(output, summary, source)
    assert summary["undelivered"]
    assert "undelivered" not in err


def test_all_faults_at_once(source, tmp_path):
    output, summary, _ = run_with(ALL_AT_ONCE, source, tmp_path, expected=1)
    check_accounts(output, summary, source)
    check_dead_letters(output, summary)


@pytest.mark.parametrize(
    "status",
    ["PERMISSION_DENIED", *(pytest.param(s, marks=pytest.mark.slow) for s in ("INVALID_ARGUMENT", "NOT_FOUND"))],
)
def test_a_permanent_fault_becomes_a_dead_letter_without_retries(status, source, tmp_path):
    began = time.monotonic()
    faults = [{"on": "append", "table": "events", "status": status}]
    output, summary, _ = run_with(faults, source, tmp_path, expected=1)
    assert time.monotonic() - began < 60
    check_accounts(output, summary, source)
    check_dead_letters(output, summary)
    assert query(output, "select count(*) from event_store.events") == [(0,)]
    assert sum(of_type["valid"] for of_type in summary["by_event_type"].values()) == summary["valid"]


def test_a_retry_budget_that_is_used_up_ends_in_undelivered_rows(source, tmp_path):
    faults = [{"on": "append", "table": "iot_telemetry", "status": "UNAVAILABLE"}]
    output, summary, _ = run_with(faults, source, tmp_path, "--sink_retry_budget", 1, expected=1)
    check_accounts(output, summary, source)
    check_dead_letters(output, summary)
    assert summary["undelivered"] == {"iot_telemetry": summary["by_event_type"]["iot.telemetry"]["valid"]}
    assert summary["dead_letters_by_code"]["SINK_EXHAUSTED"] == summary["undelivered"]["iot_telemetry"]


def test_dead_letters_that_their_table_rejects_are_kept_in_files(source, tmp_path):
    faults = [
        {"on": "append", "table": "dead_letters", "status": "PERMISSION_DENIED"},
        {"on": "append", "table": "order_events", "status": "PERMISSION_DENIED"},
    ]
    output, summary, _ = run_with(faults, source, tmp_path, expected=1)
    check_accounts(output, summary, source)
    assert query(output, "select count(*) from event_store.dead_letters") == [(0,)]
    kept = [
        json.loads(line)
        for path in (output / "lake" / "undelivered" / "dead_letters").rglob("*.jsonl")
        for line in path.read_text().splitlines()
    ]
    assert len(kept) == summary["undelivered"]["dead_letters"]
    assert len(kept) == summary["dead_letters"] + summary["undelivered"]["order_events"]
    filed = {
        json.loads(line)["dead_letter_id"]
        for path in (output / "lake" / "dead_letters").rglob("*.jsonl")
        for line in path.read_text().splitlines()
    }
    assert {line["dead_letter_id"] for line in kept} == filed
