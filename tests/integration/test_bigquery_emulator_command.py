"""The command `bigquery-emulator` as a user starts it, and the pytest fixtures as a user of another project has them."""

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.bigquery_emulator.address_file import read_address
from pipelines.bigquery_emulator.client import bigquery_client
from tests.support.command import run_command
from tests.support.paths import ROOT

pytest_plugins = ["pytester"]

GOOGLE_CLIENT = """
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery
client = bigquery.Client("shop", AnonymousCredentials())
client.query_and_wait("CREATE SCHEMA d; CREATE TABLE d.t AS SELECT 7 AS n")
print([row.n for row in client.list_rows("d.t")])
"""


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def test_the_printed_variable_is_all_that_google_s_client_needs(tmp_path: Path) -> None:
    port, grpc_port = free_port(), free_port()
    command = [
        *(sys.executable, "-m", "pipelines", "bigquery-emulator", "--database", str(tmp_path / "fresh" / "my.duckdb")),
        *("--port", str(port), "--grpc_port", str(grpc_port), "--project", "shop"),
    ]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            lines = [running.stdout.readline() for _ in range(3)]
            found = re.fullmatch(r"export BIGQUERY_EMULATOR_HOST=(\S+)\n", lines[1])
            assert found is not None
            assert found[1].endswith(f"@127.0.0.1:{port}")
            assert lines[2].startswith(f"gRPC 127.0.0.1:{grpc_port} ")
            address = read_address(tmp_path / "fresh")
            assert address is not None
            assert address.rest_url == found[1]
            environment = {**os.environ, "BIGQUERY_EMULATOR_HOST": found[1], "no_proxy": "127.0.0.1"}
            run = subprocess.run(
                [sys.executable, "-c", GOOGLE_CLIENT],
                env=environment,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert run.stdout == "[7]\n", run.stderr
            with bigquery_client(address.rest_url, "shop", address.grpc_target) as client:
                assert client.list_rows("shop.d.t").to_arrow().to_pylist() == [{"n": 7}]
            running.send_signal(signal.SIGINT)
            assert running.wait(15) == 0
            assert running.stderr is not None
            assert running.stderr.read() == ""
        finally:
            running.kill()
    assert [path.name for path in (tmp_path / "fresh").iterdir()] == ["my.duckdb"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"--port": "70000"}, "--port 70000: must be 0 to 65535"),
        ({"--grpc_port": "-1"}, "--grpc_port -1: must be 0 to 65535"),
        ({"--port": "9050", "--grpc_port": "9050"}, "--grpc_port 9050: is the port of the REST API too"),
        ({"--memory_mib": "0"}, "--memory_mib 0: must be at least 1"),
        ({"--database": "{folder}"}, "is a folder; give a file"),
        ({"--database": "{folder}/a?b.duckdb"}, "DuckDB keeps no database in a path with a question mark"),
        ({"--database": "{folder}/text"}, "text cannot be opened"),
        ({"--load_folder": "{folder}/absent"}, "absent: there is no such folder"),
        ({"--faults": "{folder}/absent.yaml"}, "absent.yaml"),
        ({"--port": "{taken}"}, "--port {taken}: the port is in use"),
        ({"--grpc_port": "{taken}"}, "--grpc_port {taken}: the port is in use"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_a_mistake_is_one_line_and_exit_code_2(tmp_path: Path, options: dict[str, str], message: str) -> None:
    (tmp_path / "text").write_text("no database, but long enough to be looked at as one " * 100)
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        values = {"folder": tmp_path, "taken": held.getsockname()[1]}
        words = {"--database": str(tmp_path / "w.duckdb")}
        words |= {name: value.format(**values) for name, value in options.items()}
        code, out, err = run_command("bigquery-emulator", *[word for pair in words.items() for word in pair])
    assert (code, out, len(err.splitlines())) == (2, "", 1), err
    assert message.format(**values) in err


def test_the_fixtures_serve_the_tests_of_another_project(pytester: pytest.Pytester) -> None:
    pytester.makeconftest('pytest_plugins = ["pipelines.bigquery_emulator.pytest_plugin"]')
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.parametrize("attempt", [1, 2])
        def test_datasets_are_of_one_test(bigquery_emulator_client, attempt):
            bigquery_emulator_client.create_dataset("d")
            rows = bigquery_emulator_client.query("SELECT 1 AS n").to_arrow().to_pylist()
            assert rows == [{"n": 1}]

        def test_the_emulator_is_shared(bigquery_emulator, bigquery_emulator_client):
            assert "127.0.0.1" in bigquery_emulator.rest_url
            assert not list(bigquery_emulator_client.list_datasets())
        """
    )
    pytester.syspathinsert(ROOT)
    pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider").assert_outcomes(passed=3)
