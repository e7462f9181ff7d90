"""Any fault script in any mode of a replay or redrive: the stores are as before or as after it, and the next run is right."""

import random
import shutil
import time
from pathlib import Path

import pytest

from tests.support.command import run_command
from tests.support.faulty import Fault, everything, faults
from tests.support.rejected_store import rejected_store
from tests.support.runs import query
from tests.support.stores import ALL_TIME, doubles, knowledge, lose

pytestmark = pytest.mark.full  # minutes of CPU: CI runs them, `make test` does not

TABLES = ("events", "dead_letters", "order_events", "customer_events", "iot_telemetry", "event_counts", "order_sagas")
STATUSES = ("UNAVAILABLE", "INVALID_ARGUMENT", "PERMISSION_DENIED", "NOT_FOUND", "INTERNAL", "ABORTED")
MODES = ("backfill", "rebuild", "shadow", "redrive")
SHORT, LONG = 1, 12
LEASE = ("--lease_seconds", "1")
BUDGET = ("--sink_retry_budget", "1")


def any_fault(chance: random.Random) -> Fault:
    """Return a fault at any step, of any table, from any call on."""
    kind = chance.choice(("append", "append", "append", "rows", "create_stream", "finalize", "commit", "query"))
    first = chance.randint(1, 4)
    call = chance.choice((f"{first}-", f"{first}-{first + 1}"))
    if kind == "query":
        return {"on": "query", "call": f"{chance.randint(1, 40)}-", "status": 400}
    table = chance.choice(TABLES)
    if kind == "rows":
        column = {"event_counts": "event_type", "order_sagas": "order_id", "dead_letters": "topic"}.get(
            table, "event_id"
        )
        return {"on": "append", "table": table, "row_errors": {"column": column, "matches": chance.choice(".1a")}}
    if kind == "append" and chance.random() < 0.3:
        return {"on": "append", "table": table, "call": call, "reply_lost": True}
    return {"on": kind, "table": table, "call": call, "status": chance.choice(STATUSES)}


@pytest.fixture(scope="module")
def lost(tmp_path_factory) -> tuple[Path, dict]:
    """Return a store that lacks all rows of a run, and what the undisturbed store knows."""
    folder = tmp_path_factory.mktemp("lost")
    assert run_command("simulate", "--output", folder / "in", "--events", 120, "--seed", 9, "--dirty", 0.05)[0] == 0
    code, _, err = run_command("local", "--input", folder / "in", "--output", folder / "out")
    assert code == 0, err
    known = knowledge(folder / "out")
    lose(folder / "out", "TRUE")
    return folder / "out", known


@pytest.fixture(scope="module")
def dead(tmp_path_factory) -> tuple[Path, dict]:
    """Return a store with dead letters, and what a store knows of which they were redriven."""
    folder = rejected_store(tmp_path_factory.mktemp("dead"))
    redriven = Path(shutil.copytree(folder / "out", folder / "redriven"))
    code, _, err = run_command("redrive", "--output", redriven, "--rules", folder / "rules.yaml")
    assert code == 0, err
    return folder / "out", knowledge(redriven)


def words_of(mode: str, store: Path, origin: Path) -> list[str | Path]:
    if mode == "redrive":
        return ["redrive", "--output", store, "--rules", origin.parent / "rules.yaml", *LEASE]
    into = ["--into", "beside"] if mode == "shadow" else []
    return ["replay", "--output", store, "--mode", mode, *into, *ALL_TIME, *LEASE]


def live(store: Path) -> tuple:
    """Return what the live stores hold, without what is no part of them: a shadow and a staging."""
    known, twice, files = everything(store)
    return known, twice, {path: sha for path, sha in files.items() if not path.startswith((".shadow", ".replay"))}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "seed", [pytest.param(seed, marks=pytest.mark.slow if seed >= SHORT else ()) for seed in range(LONG)]
)
def test_any_faults_leave_the_stores_as_before_or_as_after(request, tmp_path, mode, seed):
    origin, known = request.getfixturevalue("dead" if mode == "redrive" else "lost")
    store = Path(shutil.copytree(origin, tmp_path / "out"))
    words = words_of(mode, store, origin)
    chance = random.Random(f"{mode}-{seed}")
    script = [any_fault(chance) for _ in range(chance.randint(1, 2))]
    print(script)
    before = live(store)
    with faults(store, *script):
        code, _, err = run_command(*words, *BUDGET, "--run_id", "r-1")
    assert code in (0, 1, 2), err
    assert "Traceback" not in err
    states = [state for (state,) in query(store, "select state from event_store.replay_runs where run_id = 'r-1'")]
    if code == 0:
        assert states == ["DONE"]
    else:
        assert states in ([], ["FAILED"], ["RUNNING"])  # RUNNING: BigQuery took no record of the failure either
    if code == 0 and mode != "shadow":
        assert knowledge(store) == known
    else:
        assert live(store) == before
    assert not any(doubles(store).values())
    time.sleep(1.2)  # the lease of a run whose failure was not recorded
    code, _, err = run_command(*words)
    assert code == 0, err
    if mode == "shadow":
        assert live(store) == before
    else:
        assert knowledge(store) == known
    assert not any(doubles(store).values())
    assert list((store / "lake").glob(".replay/*")) == []
