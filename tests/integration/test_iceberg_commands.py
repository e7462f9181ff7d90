"""Iceberg tables as users meet them: commands that commit, kills, readers during rebuilds, mistakes."""

import os
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from pipelines.cli.main import main
from pipelines.lake import iceberg as lake_iceberg
from schemas.tables.lake import IOT_FEATURES, LAKE_FEEDS
from tests.support.duckdb_versions import ICEBERG, query_duckdb
from tests.support.iceberg_lake import held, hour, named, publish, settings_in, table_in
from tests.support.lake_runs import DAY, run_local
from transforms.sinks.files.manifests import newest_files
from transforms.sinks.iceberg import catalog as catalog_module
from transforms.sinks.iceberg.catalog import open_catalog, read_settings, write_settings
from transforms.sinks.iceberg.commit import commit_windows

HOURS = [hour(number) for number in range(24)]


@pytest.fixture
def lake(tmp_path):
    root = tmp_path / "lake"
    root.mkdir()
    return root


@pytest.fixture
def table(tmp_path):
    return table_in(tmp_path / "iceberg")


def commit(table, lake, run_id, hours=HOURS, **more):
    return commit_windows(table, IOT_FEATURES, str(lake), hours, run_id, **more)


KILLED = """
import os, sys
from pipelines.cli.main import main
from transforms.sinks.iceberg import commit, table_files
from pipelines.lake import iceberg
where = sys.argv[1]
def die(*args, **more):
    os._exit(137)
if where == "after the links":
    commit_module = commit
    put = commit_module.take_over
    def linked_and_killed(*args):
        put(*args)
        die()
    commit_module.take_over = linked_and_killed
else:
    iceberg.expire_snapshots = die
sys.exit(main(sys.argv[2:]))
"""


def test_kills_before_and_after_a_commit_give_no_doubles(lake, tmp_path):
    settings = settings_in(tmp_path / "iceberg")
    write_settings(str(lake), settings)
    publish(lake, HOURS[:3], "r1")
    for where in ("after the links", "after the commit", "after the commit"):
        killed = subprocess.run(
            [sys.executable, "-c", KILLED, where, "lake", "iceberg", "--lake", str(lake)],
            env={**os.environ, "PYTHONPATH": os.getcwd()},
            capture_output=True,
            timeout=120,
            check=False,
        )
        assert killed.returncode == 137, killed.stderr.decode()[-2000:]
    publish(lake, HOURS[:1], "r2", replace=True)
    assert main(["lake", "iceberg", "--lake", str(lake)]) == 0
    assert held(table_in(tmp_path / "iceberg")) == named(lake, HOURS)


def read_all_the_time(folder: Path, stop: threading.Event, seen: Counter) -> None:
    table = table_in(folder)
    while not stop.is_set():
        table.refresh()
        frame = pl.scan_iceberg(table.metadata_location).select(pl.len(), pl.col("mean").sum()).collect()
        seen[frame.row(0)] += 1


def test_a_reader_is_right_all_the_time_during_rebuilds(lake, table, tmp_path):
    publish(lake, HOURS, "r0")
    commit(table, lake, "r0")
    stop, seen = threading.Event(), Counter()
    reader = threading.Thread(target=read_all_the_time, args=(tmp_path / "iceberg", stop, seen))
    reader.start()
    for number in range(1, 5):
        publish(lake, HOURS, f"r{number}", replace=True)
        commit(table, lake, f"r{number}")
    stop.set()
    reader.join()
    assert set(seen) == {(240, 240.0)}, seen
    assert seen[240, 240.0] > 3


def test_polars_and_duckdb_agree_with_the_manifests(lake, table):
    publish(lake, HOURS[:3], "r1")
    publish(lake, HOURS[:2], "r2", replace=True, rows=7)
    commit(table, lake, "r2")
    rows = 7 + 7 + 10
    assert pl.scan_iceberg(table.metadata_location).select(pl.len()).collect().item() == rows
    assert table.scan().to_pandas().shape[0] == rows
    scan = f"select count(*), sum(count) from iceberg_scan('{table.metadata_location.removeprefix('file://')}')"
    assert query_duckdb(ICEBERG, scan, extensions=("avro", "httpfs", "iceberg")) == [
        [[rows, str(rows)]]
    ] or query_duckdb(ICEBERG, scan, extensions=("avro", "httpfs", "iceberg")) == [[[rows, rows]]]


def tables(output: Path) -> dict[str, int]:
    """Return the rows of each table; its files must be those of the manifests."""
    settings = read_settings(str(output / "lake"))
    opened, found = open_catalog(settings), {}
    for feed in LAKE_FEEDS:
        table = catalog_module.load_table(opened, feed)
        partitions = sorted(str(path.relative_to(output / "lake" / feed.folder)) for path in
                            (output / "lake" / feed.folder).glob("dt=*/hour=*"))  # fmt: skip
        paths = newest_files(str(output / "lake"), feed.folder, partitions)
        assert held(table) == sorted(path.rpartition("/")[2] for path in paths)
        found[feed.name] = table.scan().to_arrow().num_rows
    return found


@pytest.mark.full
def test_every_command_that_publishes_commits(tmp_path, capsys):
    output = run_local(tmp_path, "a", range(6))
    assert main(["lake", "iceberg", "--output", str(output)]) == 0
    assert tables(output) == {"iot_telemetry": 6, "iot_features": 6}
    shown = capsys.readouterr().out
    assert [line.split()[:2] for line in shown.splitlines()[-2:]] == [["iot_telemetry", "2"], ["iot_features", "2"]]
    run_local(tmp_path, "b", range(6, 10), "--append")
    run_local(tmp_path, "b", range(6, 10), "--append")
    assert tables(output) == {"iot_telemetry": 14, "iot_features": 14}
    assert main(["replay", "--output", str(output), "--mode", "rebuild", *DAY]) == 0
    assert tables(output) == {"iot_telemetry": 10, "iot_features": 10}
    assert main(["lake", "compact", "--output", str(output)]) == 0
    assert tables(output) == {"iot_telemetry": 10, "iot_features": 10}
    run_local(tmp_path, "c", range(3), "--overwrite")
    assert tables(output) == {"iot_telemetry": 3, "iot_features": 3}
    assert main(["lake", "verify", "--output", str(output)]) == 0


def test_mistakes_and_failures_are_named(lake, tmp_path, capsys, monkeypatch):
    def run(*words):
        code = main(["lake", "iceberg", *words])
        return code, capsys.readouterr().err

    code, err = run("--lake", str(lake))
    assert (code, "--iceberg_catalog, --iceberg_warehouse: needed, for the lake has no catalog yet" in err) == (2, True)
    both = ["--iceberg_catalog", f"sqlite:///{tmp_path}/absent/c.db", "--iceberg_warehouse", tmp_path.as_uri()]
    assert run("--lake", str(lake), *both[:2])[0] == 2
    code, err = run("--lake", str(lake), *both)
    assert (code, "does not answer" in err) == (1, True)
    assert read_settings(str(lake)) is None, "settings that do not work are not kept"
    good = settings_in(tmp_path / "iceberg")
    assert run("--lake", str(lake), "--iceberg_catalog", good.uri, "--iceberg_warehouse", good.warehouse)[0] == 0
    code, err = run("--lake", str(lake), *both)
    assert (code, "`lake iceberg --off` first" in err) == (2, True)
    monkeypatch.setitem(sys.modules, "pyiceberg.catalog", None)
    code, err = run("--lake", str(lake))
    assert (code, "pip install event-pipelines[iceberg]" in err) == (1, True)
    monkeypatch.undo()
    (tmp_path / "iceberg" / "catalog.db").write_bytes(b"not a database" * 100)
    publish(lake, HOURS[:1], "r1")
    code, err = run("--lake", str(lake))
    assert (code, "Traceback" in err) == (1, False)
    assert run("--lake", str(lake), "--off")[0] == 0
    assert read_settings(str(lake)) is None
    assert lake_iceberg.commit_lake(str(lake), "r1") == []
