"""Plain readers of a lake in a bucket count what its manifests name."""

import json
import os
import subprocess
import sys

import google.auth
import pyarrow as pa
import pytest
from google.auth.credentials import AnonymousCredentials

from pipelines.cli.main import main
from pipelines.lake.windows import read_windows
from tests.support.launcher import storage
from transforms.sinks.files.files import FileContent, stage_file
from transforms.sinks.files.live_manifests import add_to_manifests
from transforms.sinks.files.parquet import parquet_bytes
from transforms.sinks.files.publish import publish_files
from transforms.sinks.files.telemetry import TELEMETRY_SCHEMA

pytestmark = pytest.mark.full  # minutes of CPU: CI runs them, `make test` does not


FEATURES, TELEMETRY = "ml/iot_features", "ml/iot_telemetry"


@pytest.fixture
def bucket(monkeypatch):
    with storage("b") as running:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", running.url)
        monkeypatch.setattr(google.auth, "default", lambda *args, **more: (AnonymousCredentials(), "p"))
        yield "gs://b/lake"


BUCKET_READERS = """
import json, sys
import duckdb, pandas, polars, pyarrow.dataset
from pyarrow.fs import GcsFileSystem
host, folder = sys.argv[1:]
store = GcsFileSystem(anonymous=True, scheme="http", endpoint_override=host)
dataset = pyarrow.dataset.dataset(folder, filesystem=store, format="parquet", partitioning="hive")
print(json.dumps({
    "pyarrow": dataset.count_rows(),
    "pandas": len(pandas.read_parquet(folder, filesystem=store)),
    "polars": polars.scan_pyarrow_dataset(dataset).select("device_id").collect().height,
    "duckdb": duckdb.sql("SELECT COUNT(*) FROM dataset").fetchall()[0][0],
}))
"""


def by_bucket_readers(url: str, feed: str) -> dict[str, int]:
    """Return the rows that readers count in a bucket, through Arrow's client of Cloud Storage.

    In a process of their own: DuckDB holds the interpreter while it waits for the store, which runs in this one.
    """
    host = os.environ["STORAGE_EMULATOR_HOST"].removeprefix("http://")
    folder = f"{url.removeprefix('gs://')}/{feed}"
    done = subprocess.run(
        [sys.executable, "-c", BUCKET_READERS, host, folder], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def telemetry_file(rows: int, first: int) -> bytes:
    """Return measurements of 12 o'clock as one file."""
    times = [1_781_524_800_000_000 + number for number in range(first, first + rows)]
    cells = {"event_id": map(str, times), "event_time": times, "publish_time": times, "device_id": ["D"] * rows,
             "metric": ["t"] * rows, "value": [1.0] * rows, "unit": [None] * rows}  # fmt: skip
    arrays = [pa.array(list(cells[field.name])).cast(field.type) for field in TELEMETRY_SCHEMA]
    return parquet_bytes(pa.table(arrays, schema=TELEMETRY_SCHEMA), TELEMETRY)


def test_a_bucket_holds_what_the_manifests_name(bucket):
    hour = "dt=2026-06-15/hour=12"

    def staged(run_id: str, rows: int):
        return stage_file(bucket, FileContent(TELEMETRY, hour, "parquet", rows, telemetry_file(rows, 0)), run_id)

    def check_bucket(rows: int, files: int) -> None:
        windows = list(read_windows(bucket))
        assert sum(entry["rows"] for window in windows for entry in window.entries) == rows
        plain = [file.name for window in windows for file in window.files if file.name.endswith(".parquet")]
        assert len([name for name in plain if not name.startswith(".")]) == files
        assert set(by_bucket_readers(bucket, TELEMETRY).values()) == {rows}
        assert main(["lake", "verify", "--lake", bucket]) == 0

    publish_files(bucket, [staged("r1", 6), staged("r1", 6)], "r1", replace=False)
    check_bucket(12, 2)
    publish_files(bucket, [staged("r2", 6)], "r2", replace=False)
    check_bucket(18, 3)
    publish_files(bucket, [staged("r3", 6), staged("r3", 7)], "r3", replace=True)
    check_bucket(13, 2)
    for pane, rows in enumerate((3, 4)):
        add_to_manifests(bucket, [staged(f"s-1200-{pane}", rows)], "s", supersedes="s-1200-")
        check_bucket(13 + rows, 3)
    assert main(["lake", "compact", "--lake", bucket]) == 0
    check_bucket(17, 1)
