"""Another user of the machine, or a page in the owner's browser, can do nothing through a running emulator.

The tests send what such a neighbour can send, without the token.
"""

import base64
import gzip
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from google.api_core import exceptions
from google.cloud import bigquery

from pipelines.bigquery_emulator.access_token import split_token
from pipelines.bigquery_emulator.address_file import FILE_NAME, read_address, write_address
from pipelines.bigquery_emulator.client import bigquery_client, grpc_channel
from pipelines.bigquery_emulator.http import timed_reader
from pipelines.bigquery_emulator.server import BigQueryEmulator
from tests.support.emulator_requests import (
    DATASETS,
    QUERIES,
    SELECT_1,
    TABLE,
    call,
    emulator_with_secrets,
    host_of,
    raw,
    token_of,
)
from tests.support.storage_write import write_client


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BigQueryEmulator]:
    folder = tmp_path_factory.mktemp("emulator")
    with emulator_with_secrets(folder) as server:
        yield server


@pytest.fixture
def client(server: BigQueryEmulator) -> Iterator[bigquery.Client]:
    with bigquery_client(server.rest_url) as client:
        yield client


WITHOUT_TOKEN: list[tuple[str, str, str, str | None, dict[str, str]]] = [
    ("a page's form", "POST", QUERIES, SELECT_1, {"Origin": "http://evil.example", "Host": "evil.example:1234"}),
    ("a query", "POST", QUERIES, SELECT_1, {}),
    ("a listing", "GET", DATASETS, None, {}),
    ("a foreign host", "GET", DATASETS, None, {"Host": "evil.example", "Origin": "http://evil.example"}),
    ("a delete", "DELETE", TABLE, None, {}),
    ("a delete by override", "POST", TABLE, "", {"X-HTTP-Method-Override": "DELETE"}),
    ("a load job", "POST", "/bigquery/v2/projects/local/jobs", "{}", {}),
    ("an upload", "POST", "/upload/bigquery/v2/projects/local/jobs?uploadType=multipart", "x", {}),
    ("insertAll", "POST", f"{TABLE}/insertAll", '{"rows": [{"json": {"secret": "x"}}]}', {}),
    ("an unknown path", "GET", "/", None, {}),
    ("a wrong token", "GET", DATASETS, None, {"Authorization": "Bearer wrong"}),
    ("an empty token", "GET", DATASETS, None, {"Authorization": "Bearer "}),
    ("a token in another scheme", "GET", DATASETS, None, {"Authorization": "Digest x"}),
    ("a broken Basic", "GET", DATASETS, None, {"Authorization": "Basic ???"}),
]


@pytest.mark.parametrize(
    ("method", "path", "body", "headers"), [case[1:] for case in WITHOUT_TOKEN], ids=[case[0] for case in WITHOUT_TOKEN]
)
def test_a_request_without_the_token_is_rejected(
    server: BigQueryEmulator, method: str, path: str, body: str | None, headers: dict[str, str]
) -> None:
    status, answer = call(server, method, path, body, headers)
    assert status == (403 if "Host" in headers or "Origin" in headers else 401)
    assert set(answer) == {"error"}
    with bigquery_client(server.rest_url) as client:
        assert [row.secret for row in client.list_rows("analytics.secrets")] == ["TOPSECRET"]


FORGED: list[tuple[str, dict[str, str], int]] = [
    ("a rebound host name", {"Host": "evil.example"}, 403),
    ("a rebound host name with our port", {"Host": "evil.example:{port}"}, 403),
    ("a name that begins like ours", {"Host": "127.0.0.1.evil.example:{port}"}, 403),
    ("our address without the port", {"Host": "127.0.0.1"}, 403),
    ("another port", {"Host": "127.0.0.1:1"}, 403),
    ("an empty host", {"Host": ""}, 403),
    ("an origin", {"Origin": "http://evil.example"}, 403),
    ("our own address as origin", {"Origin": "http://127.0.0.1:{port}"}, 403),
    ("a null origin", {"Origin": "null"}, 403),
    ("a method override", {"X-HTTP-Method-Override": "DELETE"}, 400),
    ("a chunked body", {"Transfer-Encoding": "chunked"}, 411),
    ("a body over the limit", {"Content-Length": str(10**12)}, 413),
    ("a length of many digits", {"Content-Length": "9" * 5000}, 413),
    ("a negative length", {"Content-Length": "-1"}, 400),
    ("a length that is none", {"Content-Length": "0x10"}, 400),
]


@pytest.mark.parametrize(("headers", "status"), [case[1:] for case in FORGED], ids=[case[0] for case in FORGED])
def test_forged_and_unbounded_requests_are_rejected_even_with_the_token(
    server: BigQueryEmulator, headers: dict[str, str], status: int
) -> None:
    port = host_of(server).rpartition(":")[2]
    lines = {"Host": host_of(server), "Authorization": f"Bearer {token_of(server)}"}
    lines |= {name: value.format(port=port) for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    answer = raw(server, f"POST {TABLE} HTTP/1.1\r\n{head}\r\n".encode())
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"])
def test_every_loopback_name_with_the_right_port_is_answered(server: BigQueryEmulator, name: str) -> None:
    port = host_of(server).rpartition(":")[2]
    assert call(server, "GET", DATASETS, None, {"Host": f"{name}:{port}"}, token=True)[0] == 200


@pytest.mark.parametrize(
    "data",
    [
        b"GET http://evil.example/x HTTP/1.1\r\nHost: {host}\r\n{token}\r\n",
        b"GET /bigquery/v2/projects/local/datasets HTTP/1.0\r\n{token}\r\n",
        b"POST /x HTTP/1.1\r\nHost: {host}\r\nHost: evil.example\r\n{token}\r\n",
        b"POST /x HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1\r\nContent-Length: 2\r\n{token}\r\n",
    ],
    ids=["absolute target", "no host", "two hosts", "two lengths"],
)
def test_an_ambiguous_request_is_rejected_and_the_connection_closed(server: BigQueryEmulator, data: bytes) -> None:
    data = data.replace(b"{host}", host_of(server).encode())
    data = data.replace(b"{token}", f"Authorization: Bearer {token_of(server)}\r\n".encode())
    assert raw(server, data).split(b" ", 2)[1] in (b"400", b"403")


def test_the_body_of_a_rejected_request_is_not_read_as_a_request(server: BigQueryEmulator) -> None:
    inner = f"DELETE {TABLE} HTTP/1.1\r\nHost: {host_of(server)}\r\nAuthorization: Bearer {token_of(server)}\r\n\r\n"
    outer = f"POST /x HTTP/1.1\r\nHost: {host_of(server)}\r\nContent-Length: {len(inner)}\r\n\r\n"
    answer = raw(server, (outer + inner).encode())
    assert answer.count(b"HTTP/1.1 ") == 1
    assert answer.startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize(
    "head",
    [b"GET /" + b"a" * 100_000, b"GET / HTTP/1.1\r\nX: " + b"a" * 100_000, b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 500],
    ids=["target", "one header", "many headers"],
)
def test_a_huge_head_is_rejected(server: BigQueryEmulator, head: bytes) -> None:
    try:
        answer = raw(server, head + b"\r\n\r\n")
    except ConnectionResetError:  # the server hung up on what it did not read
        return
    assert answer.split(b" ", 2)[1] in (b"400", b"414", b"431")


def test_a_small_gzip_body_does_not_inflate_without_a_limit(server: BigQueryEmulator) -> None:
    bomb = gzip.compress(bytes(200 * 1024 * 1024))
    headers = {"Content-Encoding": "gzip"}
    assert call(server, "POST", QUERIES, bomb, headers, token=True)[0] == 413
    assert call(server, "POST", QUERIES, b"no gzip", headers, token=True)[0] == 400
    assert call(server, "POST", QUERIES, gzip.compress(SELECT_1.encode())[:-9], headers, token=True)[0] == 400
    status, answer = call(server, "POST", QUERIES, gzip.compress(SELECT_1.encode()), headers, token=True)
    assert (status, answer["rows"]) == (200, [{"f": [{"v": "1"}]}])


@pytest.mark.parametrize(
    "sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\n"], ids=["silent", "line", "headers"]
)
def test_a_slow_client_is_disconnected(server: BigQueryEmulator, monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    monkeypatch.setattr(timed_reader.TimedReader.__init__, "__defaults__", None)
    monkeypatch.setattr("pipelines.bigquery_emulator.http.timed_reader.HEAD_SECONDS", 0.5)
    monkeypatch.setattr("pipelines.bigquery_emulator.http.handler.HEAD_SECONDS", 0.5)
    host, port = host_of(server).split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(sent)
        started = time.monotonic()
        while time.monotonic() - started < 8:  # a byte now and then does not move the deadline
            try:
                connection.sendall(b"x" if sent else b"")
                connection.settimeout(0.1)
                if not connection.recv(1):
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        assert time.monotonic() - started < 5


def test_grpc_calls_without_the_token_are_rejected(server: BigQueryEmulator) -> None:
    target, token = split_token(server.grpc_target)
    name = "projects/local/datasets/analytics/tables/secrets/streams/_default"
    for address in (target, f"emulator:wrong@{target}", f"emulator:@{target}"):
        with pytest.raises(exceptions.Unauthenticated):
            write_client(address).get_write_stream(name=name, retry=None)
        with pytest.raises(exceptions.Unauthenticated):
            list(write_client(address).append_rows(requests=iter([{"write_stream": name}]), retry=None))
    assert write_client(server.grpc_target).get_write_stream(name=name).name == name
    with grpc_channel(target) as channel, pytest.raises(grpc.RpcError) as rejected:
        channel.unary_unary("/no.such/Call")(b"", metadata=[("authorization", f"Bearer {token}x")])
    assert rejected.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_the_token_is_accepted_as_bearer_and_as_the_password_of_the_url(server: BigQueryEmulator) -> None:
    basic = base64.b64encode(f"anyone:{token_of(server)}".encode()).decode()
    assert call(server, "GET", DATASETS, None, {"Authorization": f"Basic {basic}"})[0] == 200
    code = (
        "from google.auth.credentials import AnonymousCredentials; from google.cloud import bigquery\n"
        "client = bigquery.Client('local', AnonymousCredentials())\n"
        "print([row.secret for row in client.list_rows('analytics.secrets')])"
    )
    environment = {**os.environ, "BIGQUERY_EMULATOR_HOST": server.rest_url, "no_proxy": "127.0.0.1"}
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert run.stdout == "['TOPSECRET']\n"


def test_tokens_differ_from_start_to_start(tmp_path: Path) -> None:
    tokens = set()
    for _ in range(2):
        with BigQueryEmulator(tmp_path / "w.duckdb") as server:
            tokens.add(split_token(server.rest_url)[1])
    assert len(tokens) == 2
    assert all(len(token) >= 40 for token in tokens)


def test_an_address_file_of_another_user_is_ignored(
    server: BigQueryEmulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rest, token = split_token(server.rest_url)
    write_address(tmp_path / FILE_NAME, rest, split_token(server.grpc_target)[0], token)
    assert read_address(tmp_path) is not None
    monkeypatch.setattr("os.getuid", lambda: os.geteuid() + 1)
    assert read_address(tmp_path) is None
    assert (tmp_path / FILE_NAME).exists()


def test_an_address_file_is_not_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("as it was")
    (tmp_path / FILE_NAME).symlink_to(tmp_path / "victim")
    (tmp_path / f"warehouse.address.{os.getpid()}.tmp").symlink_to(tmp_path / "victim")
    with BigQueryEmulator(tmp_path / "warehouse.duckdb"):
        assert not (tmp_path / FILE_NAME).is_symlink()
    assert (tmp_path / "victim").read_text() == "as it was"
