"""Rows by a plain pattern are rows by manifests and rows of the warehouse, whatever ran before and whoever reads.

One folder goes through a run, the same run again, a rebuild, a redrive, a late firing, a compaction and a deletion. After
each, every feed is counted by pyarrow, polars, pandas, DuckDB of several versions, and the view of `query --sql`. A bucket goes
through the steps that a command can do there.
"""

import base64
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import fastavro
import pandas as pd
import polars as pl
import pyarrow.dataset as ds
import pytest

from pipelines.cli.main import main
from pipelines.lake.sql_session import open_session
from pipelines.lake.windows import read_windows
from tests.support.duckdb_versions import OLDER, query_duckdb
from tests.support.lake_runs import DAY, measurement, run_local
from tests.support.runs import query
from transforms.sinks.files.files import FileContent, stage_file
from transforms.sinks.files.live_manifests import add_to_manifests
from transforms.sinks.files.manifests import newest

pytestmark = pytest.mark.full  # minutes of CPU: CI runs them, `make test` does not


FEATURES, TELEMETRY = "ml/iot_features", "ml/iot_telemetry"


RULES = """
rules:
  - name: source spelled in capitals
    match: {codes: [SOURCE_NOT_ALLOWED]}
    repair:
      - set: {path: source, value: iot-gateway}
    tests:
      - given: {source: IOT-GATEWAY}
        expect: {source: iot-gateway}
"""


def by_manifests(output: Path, feed: str) -> int:
    windows = read_windows(str(output / "lake"), [feed])
    return sum(entry["rows"] for window in windows for entry in window.entries)


def by_readers(output: Path, feed: str) -> dict[str, int]:
    """Return the rows that each reader counts with its plainest call on the feed's folder."""
    folder, pattern = str(output / "lake" / feed), str(output / "lake" / feed / "**" / "*.parquet")
    with open_session(output) as session:
        [[viewed]] = session.query(f"SELECT COUNT(*) FROM lake.{feed.removeprefix('ml/')}")[1]
    return {
        "view": viewed,
        "pyarrow": ds.dataset(folder, format="parquet", partitioning="hive").count_rows(),
        "polars": pl.scan_parquet(pattern, hive_partitioning=True).select(pl.len()).collect().item(),
        "pandas": len(pd.read_parquet(folder)),
        "duckdb": duckdb.sql(f"SELECT COUNT(*) FROM read_parquet('{pattern}', hive_partitioning = true)").fetchall()[0][
            0
        ],
    }


READERS = ("view", "pyarrow", "polars", "pandas", "duckdb")


def by_older_duckdb(output: Path) -> dict[str, list[int]]:
    """Return the rows of both feeds by the pattern, and of telemetry in the warehouse, by version of DuckDB."""
    count = "SELECT COUNT(*) FROM read_parquet('{}/lake/{}/**/*.parquet', hive_partitioning = true)"
    statements = [count.format(output, feed) for feed in (FEATURES, TELEMETRY)]
    statements.append("SELECT COUNT(*) FROM analytics.iot_telemetry")
    return {
        version: [rows for [[rows]] in query_duckdb(version, *statements, database=output / "warehouse.duckdb")]
        for version in OLDER
    }


def archived(output: Path) -> int:
    count = 0
    for path in (output / "lake" / "archive").glob("*/*/*/*.avro"):
        with path.open("rb") as file:
            count += sum(block.num_records for block in fastavro.block_reader(file))
    return count


def dead_lines(output: Path) -> int:
    paths = (output / "lake" / "dead_letters").glob("*/*.jsonl")
    return sum(path.read_bytes().count(b"\n") for path in paths)


def check(output: Path) -> dict[str, int]:
    """Compare all readers; return the rows of each feed."""
    counts = {}
    for feed in (FEATURES, TELEMETRY):
        counts[feed] = by_manifests(output, feed)
        assert by_readers(output, feed) == dict.fromkeys(READERS, counts[feed]), feed
    expected = [counts[FEATURES], counts[TELEMETRY], counts[TELEMETRY]]
    assert by_older_duckdb(output) == dict.fromkeys(OLDER, expected)
    [(stored,)] = query(output, "select count(*) from analytics.iot_telemetry")
    assert counts[TELEMETRY] == stored
    counts["archive"] = by_manifests(output, "archive")
    assert archived(output) == counts["archive"]
    counts["dead_letters"] = by_manifests(output, "dead_letters")
    assert dead_lines(output) == counts["dead_letters"]
    [(dead,)] = query(output, "select count(*) from event_store.dead_letters")
    assert dead == counts["dead_letters"]
    assert main(["lake", "verify", "--output", str(output)]) == 0
    return counts


def test_every_reader_counts_what_the_manifests_and_the_warehouse_count(tmp_path):
    message = json.loads(measurement(30))
    data = base64.b64decode(message["data"]).replace(b"iot-gateway", b"IOT-GATEWAY")
    message["data"] = base64.b64encode(data).decode()
    output = run_local(tmp_path, "in", range(12), extra=[json.dumps(message)])
    assert check(output) == {FEATURES: 12, TELEMETRY: 12, "archive": 13, "dead_letters": 1}
    for _ in range(2):
        run_local(tmp_path, "in", range(12), "--append", extra=[json.dumps(message)])
    assert check(output)[TELEMETRY] == 36
    assert main(["replay", "--output", str(output), "--mode", "rebuild", *DAY]) == 0
    assert check(output)[TELEMETRY] == 12
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES)
    assert main(["redrive", "--output", str(output), "--rules", str(rules)]) == 0
    assert check(output)[TELEMETRY] == 13
    assert main(["replay", "--output", str(output), "--mode", "rebuild", *DAY]) == 0
    assert check(output)[FEATURES] == 13
    firing_again(output)
    assert check(output)[FEATURES] == 13
    assert main(["lake", "compact", "--output", str(output)]) == 0
    assert check(output)[FEATURES] == 13
    assert main(["forget", "--output", str(output), "--customer", "D-0", "--yes"]) == 0
    assert check(output)[FEATURES] == 13


def firing_again(output: Path) -> None:
    """Let the newest file of features of one hour be superseded by a later firing with the same rows."""
    root, hour = str(output / "lake"), "dt=2026-06-15/hour=12"
    before = newest(root, FEATURES, hour)
    [entry] = before["files"]
    data = (output / "lake" / FEATURES / hour / entry["name"]).read_bytes()
    for pane in range(2):
        content = FileContent(FEATURES, hour, "parquet", entry["rows"], data)
        file = stage_file(root, content, f"stream-1-120000-{pane:06d}")
        supersedes = "stream-1-120000-" if pane else entry["name"]
        add_to_manifests(root, [file], "stream-1", supersedes=supersedes)


def test_no_hidden_or_temporary_file_matches_a_plain_pattern(tmp_path):
    output = run_local(tmp_path, "in", range(4))
    folder = output / "lake" / TELEMETRY / "dt=2026-06-15" / "hour=12"
    (folder / ".run-abc.parquet.tmp").write_bytes(b"half a file")
    assert set(by_readers(output, TELEMETRY).values()) == {4}


KILL = """
import os, sys
from apache_beam.io.localfilesystem import LocalFileSystem
from pipelines.cli.main import main
left = int(sys.argv[1])
rename = LocalFileSystem.rename
def dying(self, sources, targets):
    global left
    for source, target in zip(sources, targets):
        if "/.replay/" not in target:
            left -= 1
            if left < 0:
                os._exit(137)
        rename(self, [source], [target])
LocalFileSystem.rename = dying
sys.exit(main(sys.argv[2:]))
"""


@pytest.fixture(scope="module")
def doubled(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("doubled")
    run_local(folder, "in", range(12))
    return run_local(folder, "in", range(12), "--append")


@pytest.mark.parametrize("step", [1, 3, 6])
def test_a_rebuild_killed_while_it_publishes_is_finished_by_the_next(doubled, tmp_path, step):
    output = Path(shutil.copytree(doubled, tmp_path / "out"))
    command = ["replay", "--output", str(output), "--mode", "rebuild", *DAY]
    killed = subprocess.run(
        [sys.executable, "-c", KILL, str(step), *command, "--lease_seconds", "1"],
        env={**os.environ, "PYTHONPATH": os.getcwd()},
        capture_output=True,
        timeout=240,
    )
    assert killed.returncode == 137, killed.stderr.decode()[-2000:]
    assert main(command) == 0
    counts = check(output)
    assert (counts[TELEMETRY], counts[FEATURES]) == (12, 12)
