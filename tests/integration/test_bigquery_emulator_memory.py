"""The emulator's memory: pending rows are on disk, the limit is small, and raised while a query runs."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
from google.cloud import bigquery

from pipelines.bigquery_emulator.client import bigquery_client, connect
from pipelines.bigquery_emulator.server import BigQueryEmulator
from pipelines.runners.bigquery_emulator import EmulatorProcess
from tests.support.paths import ROOT
from tests.support.storage_write import commit, pending, request, write_client

FIELD = bigquery.SchemaField


COLUMNS = [FIELD("id", "INT64", "REQUIRED"), FIELD("data", "JSON"), FIELD("at", "TIMESTAMP"), FIELD("n", "NUMERIC")]


SCHEMA = pa.schema([("id", pa.int64()), ("data", pa.string())])


TABLE = "projects/local/datasets/event_store/tables/events"


@contextmanager
def process(folder: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """Run the emulator as a process; it is ready to answer."""
    command = [
        sys.executable,
        "-m",
        "pipelines.bigquery_emulator",
        "--warehouse",
        str(folder / "warehouse.duckdb"),
        *options,
    ]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            assert running.stdout.readline().startswith("REST http://127.0.0.1:")
            yield running
        finally:
            running.kill()
            running.wait(10)


def create(client: bigquery.Client) -> None:
    client.create_dataset("event_store")
    client.create_table(bigquery.Table("local.event_store.events", COLUMNS))


def test_pending_rows_do_not_fill_the_memory(tmp_path: Path) -> None:
    def resident(pid: int) -> float:
        status = Path(f"/proc/{pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("RssAnon")).split()[1]) / 1024

    rows = [{"id": number, "data": json.dumps({"text": f"{number:0480}"})} for number in range(10_000)]
    with process(tmp_path) as running:
        address = connect(tmp_path)
        assert address is not None
        create(bigquery_client(address.rest_url))
        write = write_client(address.grpc_target)
        name = pending(write, TABLE)
        sent = request(name, rows, SCHEMA)
        for _ in write.append_rows(requests=iter([sent] * 5), timeout=30):
            pass
        before = resident(running.pid)
        for _ in write.append_rows(requests=iter([sent] * 35), timeout=60):
            pass
        grown = resident(running.pid) - before  # 35 x 10,000 rows x 0.5 kB = 175 MB came in
        assert grown < 60, f"{grown:.0f} MB"
        write.finalize_write_stream(name=name)
        assert not commit(write, TABLE, [name]).stream_errors
        client = bigquery_client(address.rest_url)
        assert [row.n for row in client.query_and_wait("SELECT COUNT(*) AS n FROM event_store.events")] == [400_000]


def test_the_memory_limit_is_set_and_smaller_during_a_streaming_run(tmp_path: Path) -> None:
    with BigQueryEmulator(tmp_path / "a.duckdb", memory_mib=64) as server, server._warehouse.cursor() as cursor:
        assert cursor.execute("select current_setting('memory_limit')").fetchall() == [("64.0 MiB",)]
    with EmulatorProcess(tmp_path / "b.duckdb", "local") as server:
        words = Path(f"/proc/{server.pid}/cmdline").read_text().split("\0")
    assert words[words.index("--memory_mib") + 1] == "64"


def test_the_memory_limit_is_raised_while_a_query_runs(tmp_path: Path) -> None:
    with BigQueryEmulator(tmp_path / "a.duckdb", memory_mib=24) as server, bigquery_client(server.rest_url) as client:
        client.create_dataset("d")
        client.query("CREATE TABLE d.numbers AS SELECT n FROM UNNEST(GENERATE_ARRAY(1, 1000000)) AS n").result()
        newest = "SELECT ARRAY_AGG(n ORDER BY n DESC LIMIT 1)[OFFSET(0)] AS n FROM d.numbers GROUP BY CAST(n AS STRING)"
        assert [row.last for row in client.query(f"SELECT MAX(n) AS last FROM ({newest})").result()] == [1_000_000]
        limit = "select current_setting('memory_limit')"
        with server._warehouse.cursor() as cursor:
            with server._warehouse.query_memory():
                assert cursor.execute(limit).fetchall() == [("256.0 MiB",)], "a report over millions takes all it may"
            assert cursor.execute(limit).fetchall() == [("24.0 MiB",)]
