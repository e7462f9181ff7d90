"""A replay is published whole or not at all: rejected rows, failed statements, lost replies and kills in between."""

import shutil
from pathlib import Path

import pytest

from pipelines.replay import engine
from tests.support.command import run_command
from tests.support.faulty import everything, faults, lake_files
from tests.support.replay_runs import replay, run_records, untouched
from tests.support.runs import query
from tests.support.stores import ALL_TIME, doubles, knowledge, lose

RUN = ("--run_id", "r-1", *ALL_TIME)


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    words = ("--events", 200, "--seed", 11, "--dirty", 0.05)
    code, _, err = run_command("simulate", "--output", folder / "in", *words)
    assert code == 0, err
    code, _, err = run_command("local", "--input", folder / "in", "--output", folder / "out")
    assert code == 0, err
    return folder / "out"


@pytest.fixture
def store(finished, tmp_path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "out"))


@pytest.fixture(scope="module")
def known(finished) -> dict:
    return knowledge(finished)


def error_of(store: Path, run_id: str) -> tuple[str, str]:
    [(state, error)] = query(store, f"select state, error from event_store.replay_runs where run_id = '{run_id}'")
    return state, error


OUTAGE = {"on": "append", "table": "order_events", "status": "UNAVAILABLE"}


@pytest.mark.parametrize(
    ("mode", "fault", "table"),
    [
        pytest.param("rebuild", OUTAGE, "order_events", id="rebuild, outage past the budget"),
        pytest.param("backfill", {**OUTAGE, "table": "events"}, "events", id="backfill, outage"),
        pytest.param(
            "rebuild",
            {"on": "append", "table": "event_counts", "status": "PERMISSION_DENIED"},
            "event_counts",
            id="rebuild, no permission",
        ),
        pytest.param(
            "backfill",
            {
                "on": "append",
                "table": "iot_telemetry",
                "row_errors": {"column": "metric", "matches": ".", "reason": "invalid"},
            },
            "iot_telemetry",
            id="backfill, rejected rows",
        ),
        pytest.param("shadow", OUTAGE, "order_events", id="shadow"),
    ],
)
def test_a_replay_fails_and_changes_nothing_when_its_staging_rejects_rows(store, mode, fault, table):
    lose(store, "publish_time >= '2026-01-01T10:00:00Z'")
    before = everything(store)
    into = ("--into", "beside") if mode == "shadow" else ()
    with faults(store, fault):
        code, _, err = run_command(
            "replay", "--output", store, "--mode", mode, *into, *RUN, "--sink_retry_budget", "0.5"
        )
    assert code == 1
    assert len([line for line in err.splitlines() if "nothing was published" in line]) == 1
    assert f"table {table}: " in err
    state, error = error_of(store, "r-1")
    assert state == "FAILED"
    assert f"table {table}: " in error
    after = everything(store)
    assert after[:2] == before[:2]
    assert {path: sha for path, sha in after[2].items() if not path.startswith(".shadow")} == before[2]
    assert untouched(store) == []


@pytest.mark.parametrize("call", ["1-", "4-"], ids=["every query", "all but the first queries"])
def test_a_replay_whose_statements_fail_changes_nothing(store, call):
    before = everything(store)
    with faults(store, {"on": "query", "call": call, "status": 400}):
        code, _, err = run_command("replay", "--output", store, "--mode", "rebuild", *RUN)
    assert code in (1, 2)
    assert "Traceback" not in err
    assert everything(store) == before


def test_files_of_a_run_killed_after_its_transaction_are_published_by_the_next_run(store, known, monkeypatch):
    lose(store, "publish_time >= '2026-01-01T10:00:00Z'")
    files = lake_files(store)

    def kill(*_):
        raise MemoryError  # ends the process's work without any of its cleaning up of files

    monkeypatch.setattr(engine, "publish_staged", kill)
    code, _, _ = run_failing("replay", "--output", store, "--mode", "rebuild", *RUN)
    assert code != 0
    assert error_of(store, "r-1") == ("DONE", None)
    assert {path: sha for path, sha in lake_files(store).items() if not path.startswith(".replay")} == files
    monkeypatch.undo()
    replay(store, "--mode", "backfill", "--from", "2020-01-01T00:00:00Z", "--to", "2020-01-02T00:00:00Z")
    assert knowledge(store) == known
    assert untouched(store) == []


def run_failing(*words: str | Path) -> tuple[int, str, str]:
    try:
        return run_command(*words)
    except MemoryError:
        return 137, "", ""


def test_files_that_cannot_be_written_are_named_and_published_later(store, known, monkeypatch):
    lose(store, "publish_time >= '2026-01-01T10:00:00Z'")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(engine, "publish_staged", full)
    code, _, err = run_command("replay", "--output", store, "--mode", "rebuild", *RUN)
    assert code == 1
    assert "the rows are published, the files of" in err
    assert "No space left on device" in err
    assert dict(run_records(store))["r-1"] == "DONE"
    monkeypatch.undo()
    replay(store, "--mode", "rebuild", *ALL_TIME)
    assert knowledge(store) == known
    assert not any(doubles(store).values())
    assert untouched(store) == []


def test_a_lost_reply_of_the_transaction_is_not_a_failure(store, known, monkeypatch):
    script = engine.Engine._script

    def lost(self, sql, step):
        script(self, sql, step)
        if step == "publish":
            raise engine.RunFailed("the reply was lost")

    monkeypatch.setattr(engine.Engine, "_script", lost)
    lose(store, "publish_time >= '2026-01-01T10:00:00Z'")
    replay(store, "--mode", "rebuild", *RUN)
    assert error_of(store, "r-1") == ("DONE", None)
    assert knowledge(store) == known
    assert untouched(store) == []
