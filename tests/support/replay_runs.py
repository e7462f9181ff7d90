"""`replay` as the tests run it, and what it leaves in the run records and in its staging."""

from pathlib import Path

from tests.support.command import run_command
from tests.support.runs import query

NEW = ("--from", "2026-01-01T06:00:00Z", "--to", "2026-01-01T18:30:00Z")


def finished_run(folder: Path) -> Path:
    """Make the stores of an undisturbed run."""
    code, _, err = run_command("simulate", "--output", folder / "in", "--events", 1000, "--seed", 11, "--dirty", 0.05)
    assert code == 0, err
    code, _, err = run_command("local", "--input", folder / "in", "--output", folder / "out")
    assert code == 0, err
    return folder / "out"


def replay(store: Path, *words: str) -> str:
    code, out, err = run_command("replay", "--output", store, *words)
    assert code == 0, err
    return out


def run_records(store: Path) -> list[tuple[str, str]]:
    return query(store, "select run_id, state from event_store.replay_runs order by started_time")


def untouched(store: Path) -> list[str]:
    """What a replay leaves of its staging: nothing."""
    datasets = query(
        store, "select distinct table_schema from information_schema.tables where table_schema like 'replay%'"
    )
    return [*(name for (name,) in datasets), *(path.name for path in (store / "lake").glob(".replay/*"))]
