"""A bounded run that is killed at any moment: each table shows none of its rows or all of them, the event store last;
running it again completes it, and no view differs from an undisturbed run's.
"""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

from schemas.tables.definitions import TABLES
from tests.support.command import run_command
from tests.support.runs import query

EVENTS = 4000
VIEWS = ("order_current", "customer_current", "stock_level", "event_counts_current", "revenue_by_day")
KILLS = [
    pytest.param(3, id="3 kills"),
    pytest.param(10, id="10 kills", marks=[pytest.mark.slow, pytest.mark.timeout(900)]),
]


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("kill") / "in"
    assert run_command("simulate", "--output", folder, "--events", EVENTS, "--seed", 5)[0] == 0
    return folder


@pytest.fixture(scope="module")
def undisturbed(source, tmp_path_factory) -> Path:
    output = tmp_path_factory.mktemp("kill") / "whole"
    code, _, err = run_command("local", "--input", source, "--output", output)
    assert code == 0, err
    return output


def rows_by_table(output: Path) -> dict[str, int]:
    tables = {name: table for name, table in TABLES.items() if name != "runs"}  # the record of a killed run is there
    return {name: query(output, f"select count(*) from {table.dataset}.{name}")[0][0] for name, table in tables.items()}


def start(source: Path, output: Path) -> subprocess.Popen:
    words = ["local", "--input", str(source), "--output", str(output), "--run_id", "killed"]
    return subprocess.Popen(
        [sys.executable, "-m", "pipelines", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ,
    )


@pytest.mark.parametrize("kills", KILLS)
def test_none_or_all_of_a_tables_rows_and_a_second_run_completes(source, undisturbed, tmp_path, kills):
    whole, draw = rows_by_table(undisturbed), random.Random(kills)
    began = time.monotonic()
    first = start(source, tmp_path / "timing")
    assert first.wait(120) == 0
    length = time.monotonic() - began
    for number in range(kills):
        output = tmp_path / str(number)
        process = start(source, output)
        # the last third of a run commits: most of the moments lie there
        time.sleep(length * (draw.uniform(0.2, 1.0) if number % 2 else draw.uniform(0.6, 0.95)))
        process.send_signal(signal.SIGKILL)
        process.wait(30)
        if (output / "warehouse.duckdb").exists():
            check_none_or_all(output, whole)
        code, _, err = run_command("local", "--input", source, "--output", output, "--append")
        assert code == 0, err
        for view in VIEWS:
            sql = f"select * from analytics.{view} order by all"
            assert query(output, sql) == query(undisturbed, sql), view


def check_none_or_all(output: Path, whole: dict[str, int]) -> None:
    try:
        found = rows_by_table(output)
    except duckdb.CatalogException:  # killed before the tables were made
        return
    for name, count in found.items():
        assert count in (0, whole[name]), name
    if found["events"]:
        assert found == whole
    runs = query(output, "select distinct run_id from analytics.order_events")
    assert runs in ([], [("killed",)])
