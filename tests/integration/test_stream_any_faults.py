"""Whatever the BigQuery emulator does, `stream` accounts for every row, and a later run delivers what is missing."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from pipelines.bigquery_emulator.faults.script import FaultScript
from pipelines.stores.open_stores import open_stores
from pipelines.stores.target import Target
from tests.support.command import run_command
from tests.support.fault_scripts import EVENT_TABLES, FAULTS, event_ids, rows_by_run
from tests.support.live import Emulator, archived, bounded_run, fresh_bus, need_prism_program, simulated, start_stream

pytestmark = pytest.mark.full  # minutes of CPU: CI runs them, `make test` does not

NOTHING_STORED = [
    {"on": "append", "table": table, "status": "PERMISSION_DENIED"} for table in ("order_events", "dead_letters")
]
ROWS = [{"on": "append", "table": "iot_telemetry", "row_errors": {"column": "event_id", "matches": "[0-7]$"}}]
WHOLE = [{"on": "append", "table": "events", "call": "1-2", "status": "INVALID_ARGUMENT"}]
LOST = [{"on": "append", "call": [1, 3], "reply_lost": True}, {"on": "append", "call": 4, "status": "UNAVAILABLE"}]
PERIOD = ("--from", "2000-01-01T00:00:00Z", "--to", "2100-01-01T00:00:00Z")


def check(emulator: Emulator, folder: Path, script: list[dict[str, Any]]) -> None:
    """Stream under faults, reconcile every table, then deliver without faults and compare with a batch run."""
    need_prism_program()
    bus, output = fresh_bus(emulator), folder / "out"
    output.mkdir(parents=True)
    sent = bus.publish(simulated(folder / "sim", 200, "--dirty", "0.05"))
    with open_stores(Target.local(output), create=True, faults=FaultScript.parse({"faults": script})):
        process = start_stream(bus, output, "--stop_after_idle", "4", "--sink_retry_budget", "2")
        code = process.wait(timeout=240)
    log = (output / "stream.log").read_text()
    assert "Traceback" not in log, log[-3000:]
    summary = json.loads((output / "summary.json").read_text())
    assert summary["difference"] is None, summary["difference"]
    assert summary["received"] == sent == len(archived(output / "lake"))
    assert code == (1 if summary["undelivered"] else 0), log[-3000:]
    rows = rows_by_run(output)
    for table in EVENT_TABLES:
        counts = summary["tables"].get(table, {"made": 0, "rows": 0, "undelivered": 0})
        assert counts["rows"] + counts["undelivered"] == counts["made"], table
        assert rows[table].get(summary["run_id"], 0) >= counts["rows"], table
    if summary["undelivered"]:
        done, out, err = run_command("replay", "--output", output, "--mode", "backfill", *PERIOD)
        assert done == 0, out + err
    assert event_ids(output) == event_ids(bounded_run(output / "lake", folder / "batch"))


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(NOTHING_STORED + ROWS, id="rejected"),
        pytest.param(WHOLE + LOST, id="whole requests and replies", marks=pytest.mark.slow),
    ],
)
def test_stream_reconciles_every_table_and_a_backfill_delivers_the_rest(
    emulator: Emulator, tmp_path: Path, script: list[dict[str, Any]]
) -> None:
    check(emulator, tmp_path, script)


@pytest.mark.slow
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(FAULTS)
def test_stream_reconciles_under_any_faults(
    emulator: Emulator, tmp_path_factory: pytest.TempPathFactory, faults: list[dict[str, Any]]
) -> None:
    check(emulator, tmp_path_factory.mktemp("stream-any-faults"), faults)
