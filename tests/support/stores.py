"""The contents of a folder's stores, for tests of replays: views, row counts, features; and a store with missing rows."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb

from pipelines.replay.compare.features import partitions, read_features
from schemas.registry import REGISTRY
from schemas.views import all_views
from tests.support.paths import ROOT
from tests.support.runs import query

ALL_TIME = ("--from", "2000-01-01T00:00:00Z", "--to", "2030-01-01T00:00:00Z")
TYPED = tuple(REGISTRY.by_table())
NOT_KNOWLEDGE = ("replay_runs", "run_states", "dead_letter_states")


def knowledge(output: Path) -> dict[str, Any]:
    """Return all that the stores know, without which run wrote it: every view, the rows that runs replace, features."""
    known: dict[str, Any] = {}
    for view in all_views():
        if view.name not in NOT_KNOWLEDGE:
            named = ", ".join(name for name in ("run_id", "ingest_time") if name in view.columns)
            columns = f"* exclude ({named})" if named else "*"
            known[f"{view.dataset}.{view.name}"] = sorted(
                map(repr, query(output, f"select {columns} from {view.dataset}.{view.name}"))
            )
    for table in ("event_counts", "order_sagas", "saga_alerts"):
        known[table] = sorted(map(repr, query(output, f"select * exclude (run_id) from analytics.{table}")))
    lake = str(output / "lake")
    known["features"] = read_features(lake, partitions(lake)).to_pylist()
    return known


def doubles(output: Path) -> dict[str, int]:
    """Return how many rows each table has beyond one per event, and dead letters beyond one per failure."""
    found = {}
    for table in ("event_store.events", *(f"analytics.{name}" for name in TYPED)):
        [(found[table],)] = query(output, f"select count(*) - count(distinct event_id) from {table}")
    [(found["dead_letters"],)] = query(
        output, "select count(*) - count(distinct dead_letter_id) from event_store.dead_letters"
    )
    return found


def lose(output: Path, condition: str) -> int:
    """Make a store as a kill behind the first shuffle leaves it: the archive has all, some events are in no table."""
    with duckdb.connect(str(output / "warehouse.duckdb")) as connection:
        lost = f"select event_id from event_store.events where {condition}"
        connection.execute(f"create temp table lost as {lost}")
        for table in ("event_store.events", *(f"analytics.{name}" for name in TYPED)):
            connection.execute(f"delete from {table} where event_id in (select event_id from lost)")
        for table in ("event_counts", "order_sagas", "saga_alerts"):
            connection.execute(f"delete from analytics.{table}")
        connection.execute("delete from event_store.dead_letters")
        count: int = connection.execute("select count(*) from lost").fetchall()[0][0]
    shutil.rmtree(output / "lake" / "ml")
    return count


def killed_after(seconds: float, store: Path, sign: str, *words: str | Path) -> bool:
    """Start a command as a process and kill it so long after a sign of its work appears in the store's folder.

    Return whether it was still at work; it ends by itself where the sign or the moment comes too late.
    """
    for left in store.glob(sign):  # by a run that was killed before
        left.unlink() if left.is_file() else shutil.rmtree(left)
    command = [sys.executable, "-m", "pipelines", *map(str, words)]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ, start_new_session=True
    )
    while process.poll() is None and not any(store.glob(sign)):
        time.sleep(0.01)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    alive = process.poll() is None
    if alive:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return alive
