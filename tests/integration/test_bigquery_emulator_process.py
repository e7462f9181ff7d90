"""The emulator as a process and as a file: addresses, locks, signals, plain DuckDB, memory."""

import json
import os
import queue
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import types

from pipelines.bigquery_emulator.access_token import split_token
from pipelines.bigquery_emulator.address_file import FILE_NAME, WarehouseLocked, read_address
from pipelines.bigquery_emulator.client import bigquery_client, connect
from pipelines.bigquery_emulator.faults.script import FaultScript
from pipelines.bigquery_emulator.server import BigQueryEmulator
from pipelines.runners.bigquery_emulator import EmulatorProcess
from tests.support.paths import ROOT
from tests.support.storage_write import append, pending, request, write_client

FIELD = bigquery.SchemaField
COLUMNS = [FIELD("id", "INT64", "REQUIRED"), FIELD("data", "JSON"), FIELD("at", "TIMESTAMP"), FIELD("n", "NUMERIC")]
SCHEMA = pa.schema([("id", pa.int64()), ("data", pa.string())])
SLOW = FaultScript.parse({"faults": [{"on": "append", "call": 2, "delay_seconds": 600}]})
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


def test_the_file_is_plain_duckdb_with_its_views(tmp_path: Path) -> None:
    with BigQueryEmulator(tmp_path / "w.duckdb") as server:
        client = bigquery_client(server.rest_url)
        create(client)
        client.create_dataset("analytics")
        view = bigquery.Table("local.analytics.days")
        view.view_query = """
            SELECT DATE(at) AS day, TIMESTAMP_TRUNC(at, DAY) AS start, JSON_VALUE(data, '$.a') AS a, SUM(n) AS n
            FROM `local.event_store.events` GROUP BY day, start, a"""
        client.create_table(view)
        client.query_and_wait(
            """INSERT INTO event_store.events
               VALUES (1, JSON '{"a": "x"}', TIMESTAMP '2026-06-15 23:30:00', NUMERIC '1.5')"""
        )
        client.close()
    query = "select day::varchar, epoch(start), a, n::varchar from {}analytics.days"
    expected = [("2026-06-15", 1781481600.0, "x", "1.500000000")]
    with duckdb.connect(str(tmp_path / "w.duckdb"), read_only=True) as plain:
        plain.execute("set timezone = 'America/New_York'")
        assert plain.execute(query.format("")).fetchall() == expected
        assert plain.execute('select typeof(data), typeof(n), typeof("at") from event_store.events').fetchall() == [
            ("JSON", "DECIMAL(38,9)", "TIMESTAMP WITH TIME ZONE")
        ]
    with duckdb.connect() as other:
        other.execute(f"attach '{tmp_path / 'w.duckdb'}' as any_name (read_only)")
        other.execute("set timezone = 'Asia/Tokyo'")
        assert other.execute(query.format("any_name.")).fetchall() == expected


def test_only_the_owner_can_read_the_address_file_and_the_warehouse(tmp_path: Path) -> None:
    folder = tmp_path / "fresh"
    before = os.umask(0o022)
    try:
        with BigQueryEmulator(folder / "warehouse.duckdb") as server, bigquery_client(server.rest_url) as client:
            client.query_and_wait("CREATE SCHEMA d; CREATE TABLE d.t AS SELECT 1 AS a")
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
            assert modes == {
                "warehouse.duckdb": 0o600,
                "warehouse.duckdb.wal": 0o600,
                "warehouse.duckdb.pending": 0o700,
                FILE_NAME: 0o600,
            }
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            assert json.loads((folder / FILE_NAME).read_text())["token"] == split_token(server.rest_url)[1]
        (folder / "warehouse.duckdb").chmod(0o644)  # as older versions left it
        with BigQueryEmulator(folder / "warehouse.duckdb"):
            assert stat.S_IMODE((folder / "warehouse.duckdb").stat().st_mode) == 0o600
        (tmp_path / "after").touch()
        assert stat.S_IMODE((tmp_path / "after").stat().st_mode) == 0o644
    finally:
        os.umask(before)


def test_a_process_serves_until_sigterm(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.json"
    with process(tmp_path, "--address_file", str(elsewhere)) as running:
        address = connect(tmp_path)
        assert address is not None
        assert address.pid == running.pid
        assert json.loads(elsewhere.read_text()) == json.loads((tmp_path / FILE_NAME).read_text())
        client = bigquery_client(address.rest_url)
        create(client)
        append(write_client(address.grpc_target), f"{TABLE}/_default", [{"id": 1, "data": "{}"}], SCHEMA)
        with pytest.raises(WarehouseLocked, match=f"process {running.pid}"):
            BigQueryEmulator(tmp_path / "warehouse.duckdb")
        running.send_signal(signal.SIGTERM)  # while clients are still connected
        assert running.wait(10) == 0
        assert running.stderr is not None
        assert running.stderr.read() == ""
        client.close()
    assert [path.name for path in tmp_path.iterdir()] == ["warehouse.duckdb"]
    with duckdb.connect(str(tmp_path / "warehouse.duckdb"), read_only=True) as plain:
        assert plain.execute("select id from event_store.events").fetchall() == [(1,)]


def test_the_child_process_ends_with_its_parent_even_when_that_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from pipelines.runners.bigquery_emulator import EmulatorProcess\n"
        "server = EmulatorProcess(Path(sys.argv[1]), 'local'); print('up', flush=True); time.sleep(60)"
    )
    path = tmp_path / "warehouse.duckdb"
    parent = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, cwd=ROOT)
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"up\n"
    address = read_address(tmp_path)
    assert address is not None
    assert address.pid != parent.pid
    with pytest.raises(WarehouseLocked, match=f"process {address.pid}"):
        EmulatorProcess(path, "local")
    parent.kill()
    parent.wait()
    with EmulatorProcess(path, "local"):  # it waits for the one that is ending
        assert not address.alive()


def test_closing_does_not_wait_for_connected_clients(tmp_path: Path) -> None:
    asked: queue.Queue[types.AppendRowsRequest | None] = queue.Queue()
    with BigQueryEmulator(tmp_path / "w.duckdb", faults=SLOW) as server:
        client = bigquery_client(server.rest_url)
        create(client)
        asked.put(request(f"{TABLE}/_default", [{"id": 1}], SCHEMA))
        stays = write_client(server.grpc_target).append_rows(requests=iter(asked.get, None), retry=None)
        assert not next(iter(stays)).error.code
        asked.put(request(f"{TABLE}/_default", [{"id": 2}], SCHEMA))  # waits for ten minutes
        time.sleep(0.1)
        started = time.monotonic()
    assert time.monotonic() - started < 3
    asked.put(None)
    assert [path.name for path in tmp_path.iterdir()] == ["w.duckdb"]  # no log: it was written whole
    duckdb.connect(str(tmp_path / "w.duckdb")).close()
    client.close()


def test_acknowledged_rows_survive_a_kill(tmp_path: Path) -> None:
    with process(tmp_path) as running:
        address = connect(tmp_path)
        assert address is not None
        create(bigquery_client(address.rest_url))
        write = write_client(address.grpc_target)
        append(write, f"{TABLE}/_default", [{"id": 1}], SCHEMA)
        append(write, pending(write, TABLE), [{"id": 2}], SCHEMA)
        running.kill()
        running.wait(10)
    assert (tmp_path / FILE_NAME).exists()
    assert connect(tmp_path) is None
    assert not (tmp_path / FILE_NAME).exists()
    assert len(list((tmp_path / "warehouse.duckdb.pending").iterdir())) == 1
    with BigQueryEmulator(tmp_path / "warehouse.duckdb") as server:
        assert not list((tmp_path / "warehouse.duckdb.pending").iterdir())
        client = bigquery_client(server.rest_url)
        assert [row.id for row in client.list_rows("event_store.events")] == [1]
        client.close()


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"rest": "x"}', '{"rest": "http://127.0.0.1:9", "grpc": "127.0.0.1:9", "pid": %d, "started": "x"}'],
    ids=["empty", "other JSON", "half", "does not answer"],
)
def test_a_stale_address_is_removed(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE_NAME).write_text(text % os.getpid() if "%d" in text else text)
    assert connect(tmp_path) is None
    assert not (tmp_path / FILE_NAME).exists()
    assert connect(tmp_path) is None


def test_a_file_that_another_process_holds_is_a_clear_error(tmp_path: Path) -> None:
    code = f"import duckdb; c = duckdb.connect({str(tmp_path / 'w.duckdb')!r}); print(1, flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(WarehouseLocked, match=r"w\.duckdb cannot be opened") as raised:
            BigQueryEmulator(tmp_path / "w.duckdb")
        assert "\n" not in str(raised.value)
        holder.communicate("\n", timeout=10)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--faults", "absent.yaml"], "absent.yaml"),
        (["--warehouse", __file__], "test_bigquery_emulator_process.py"),
        (["--memory_mib", "0"], "--memory_mib 0: must be at least 1"),
    ],
    ids=["no such script", "not a warehouse", "no memory"],
)
def test_a_mistake_ends_the_process_with_2(tmp_path: Path, options: list[str], message: str) -> None:
    command = [sys.executable, "-m", "pipelines.bigquery_emulator", "--warehouse", str(tmp_path / "w.duckdb"), *options]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 2
    assert message in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
