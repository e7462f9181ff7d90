"""Whatever the BigQuery emulator does, `local` leaves its stores as before or as after, and every row has an outcome."""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from tests.support.command import run_command
from tests.support.fault_scripts import EVENT_TABLES, FAULTS, event_ids, lake_files, rows_by_run, write_script

pytestmark = pytest.mark.full  # minutes of CPU: CI runs them, `make test` does not

RUN = "20260101T000000Z-faulty"


@pytest.fixture(scope="module")
def stores(tmp_path_factory) -> Path:
    """One store that holds a first input, and a second input that is to be appended; `whole` holds both."""
    folder = tmp_path_factory.mktemp("any-faults")
    for name, seed in (("first", 21), ("second", 22)):
        words = ("--events", 150, "--seed", seed, "--dirty", 0.05)
        assert run_command("simulate", "--output", folder / name, *words)[0] == 0
    assert run_command("local", "--input", folder / "first", "--output", folder / "before")[0] == 0
    shutil.copytree(folder / "before", folder / "whole")
    assert run_command("local", "--input", folder / "second", "--output", folder / "whole", "--append")[0] == 0
    return folder


def check(stores: Path, faults: list[dict[str, Any]]) -> None:
    """Append the second input under faults and again without, and compare with before and with the undisturbed store."""
    with tempfile.TemporaryDirectory(prefix="any-faults-") as folder:
        output = Path(shutil.copytree(stores / "before", Path(folder) / "out"))
        script = write_script(Path(folder) / "faults.json", faults)
        words = ("--input", stores / "second", "--output", output, "--append", "--sink_retry_budget", 0.3)
        code, _, err = run_command("local", *words, "--faults", script, "--run_id", RUN)
        assert "Traceback" not in err, err
        rows, before = rows_by_run(output), rows_by_run(stores / "before")
        summary = json.loads((output / "summary.json").read_text())
        if summary["run_id"] == RUN and "difference" in summary:
            assert summary["difference"] is None, summary["difference"]
            for table in EVENT_TABLES:
                counts = summary["tables"].get(table, {"made": 0, "undelivered": 0})
                assert rows[table].get(RUN, 0) + counts["undelivered"] == counts["made"]
            assert code == (1 if summary["undelivered"] else 0), err
        else:  # the run failed as a whole; summary.json is of the run before, or says that this one failed
            assert code == 1, err
            assert rows == before, err
            assert lake_files(output) == lake_files(stores / "before"), err
        code, _, err = run_command("local", *words, "--allow_undelivered")
        assert code == 0, err
        assert event_ids(output) == event_ids(stores / "whole")


@settings(max_examples=3, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(FAULTS)
def test_local_is_complete_or_unchanged(stores: Path, faults: list[dict[str, Any]]) -> None:
    check(stores, faults)


@pytest.mark.parametrize("table", ["dead_letters", "order_events", "events"])
def test_a_commit_that_fails_at_any_table_leaves_everything_as_before(stores: Path, table: str) -> None:
    check(stores, [{"on": "commit", "table": table, "status": "PERMISSION_DENIED"}])


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(FAULTS)
def test_local_is_complete_or_unchanged_long(stores: Path, faults: list[dict[str, Any]]) -> None:
    check(stores, faults)
