"""`local --overwrite` on a folder that holds a result: overlap and a second writer are rejected, a kill changes nothing."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipelines.stores.open_stores import open_stores
from pipelines.stores.output_folder import NEW
from pipelines.stores.target import Target
from tests.support.command import run_command
from tests.support.paths import ROOT
from tests.support.runs import query


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A folder of an input and of a finished run over it."""
    folder = tmp_path_factory.mktemp("overwrite")
    assert run_command("simulate", "--output", folder / "in", "--events", 3000)[0] == 0
    code, _, err = run_command("local", "--input", folder / "in", "--output", folder / "out")
    assert code == 0, err
    return folder


def contents(output: Path) -> dict[str, str]:
    """Return a hash of every file below a folder."""
    return {
        str(path.relative_to(output)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in output.rglob("*")
        if path.is_file()
    }


def start(*words: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "pipelines", *map(str, words)],
        cwd=ROOT, env=os.environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def wait_for(path: Path, pattern: str, process: subprocess.Popen[str]) -> None:
    limit = time.monotonic() + 60
    while not any(path.glob(pattern)) and process.poll() is None and time.monotonic() < limit:
        time.sleep(0.02)


@pytest.mark.parametrize("option", ["--overwrite", "--append"])
@pytest.mark.parametrize("given", ["out", "out/lake/archive", "in/../out/lake"])
def test_the_run_s_own_archive_as_input_is_rejected_and_kept(made, given, option):
    before = contents(made / "out")
    code, _, err = run_command("local", "--input", made / given, "--output", made / "out", option)
    assert code == 2
    assert f"--input {made / given}" in err
    assert len(err.strip().splitlines()) == 1
    assert contents(made / "out") == before


def test_an_output_inside_the_input_folder_is_rejected_and_not_created(made):
    code, _, err = run_command("local", "--input", made / "in", "--output", made / "in" / "deep" / "out")
    assert code == 2
    assert f"--output {made / 'in' / 'deep' / 'out'}: is inside --input" in err
    assert not (made / "in" / "deep").exists()


@pytest.mark.parametrize("option", ["--overwrite", "--append"])
def test_a_second_writer_is_rejected_while_the_first_runs(made, tmp_path, option):
    output = tmp_path / "out"
    first = start("local", "--input", made / "in", "--output", output)
    try:
        wait_for(output, "warehouse.duckdb", first)
        code, _, err = run_command("local", "--input", made / "in", "--output", output, option)
        assert code == 2
        assert f"--output {output}: in use by `local` (process {first.pid} of " in err
        assert len(err.strip().splitlines()) == 1
        _, err = first.communicate(timeout=120)
        assert first.returncode == 0, err
    finally:
        first.kill()
    assert query(output, "select count(*) from event_store.events") == query(
        made / "out", "select count(*) from event_store.events"
    )


def test_a_warehouse_that_another_process_serves_is_not_replaced(made):
    before = contents(made / "out")
    with open_stores(Target.local(made / "out")):
        code, _, err = run_command("local", "--input", made / "in", "--output", made / "out", "--overwrite")
    assert code == 2
    assert f"process {os.getpid()} serves its warehouse" in err
    assert contents(made / "out") == before


def test_a_failed_overwrite_leaves_the_old_result(made, tmp_path):
    before = contents(made / "out")
    faults = tmp_path / "faults.yaml"
    faults.write_text("faults:\n  - {on: query, call: '3-', status: 400}\n")
    code, _, err = run_command(
        "local", "--input", made / "in", "--output", made / "out", "--overwrite", "--faults", faults, "--sink_retry_budget", "0"
    )  # fmt: skip
    assert code == 1, err
    assert contents(made / "out") == before


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda s: s.name)
def test_a_killed_overwrite_leaves_the_old_result_and_the_next_run_cleans_up(made, tmp_path, number):
    before = contents(made / "out")
    process = start("local", "--input", made / "in", "--output", made / "out", "--overwrite")
    wait_for(made / "out" / NEW, "lake/archive/*/*/*/*", process)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode != 0, err
    assert "Traceback" not in err
    left = contents(made / "out")
    assert {name: left.get(name) for name in before} == before
    if number == signal.SIGINT:
        assert "the earlier result is kept" in err
    code, _, err = run_command("query", "--output", made / "out", "--view", "order_current", "--limit", "1")
    assert code == 0, err
    few = tmp_path / "few"
    assert run_command("simulate", "--output", few, "--events", 50, "--seed", 7)[0] == 0
    code, _, err = run_command("local", "--input", few, "--output", made / "out", "--append")
    assert code == 0, err
    assert not (made / "out" / NEW).exists()
    assert not (made / "out" / ".lock").exists()
