"""Requests that are too large, broken, slow or of an old TLS: rejected, and others are served meanwhile."""

import socket
import ssl
import threading
import time

import httpx
import pytest

from schemas.read_model.address import parse_address
from services.api.http.protocol import BoundedProtocol
from tests.support.api_server import AUDIENCE, ISSUER, Issuer, running_api
from tests.support.attacked_api import fill
from tests.support.certificates import write_certificates
from tests.support.read_models import sqlite_url


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    made = parse_address(sqlite_url(tmp_path_factory.mktemp("attacks")))
    fill(made)
    return made


def raw(url: str, data: bytes, seconds: float = 10.0) -> bytes:
    """Send bytes and return everything that comes back until the server closes."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=seconds) as connection:
        connection.sendall(data)
        found = b""
        try:
            while part := connection.recv(65536):
                found += part
        except (TimeoutError, ConnectionResetError):
            pass
        return found


@pytest.mark.parametrize(
    "headers",
    [{"Host": "attacker.example"}, {"Host": "127.0.0.1.attacker.example:80"}, {"Host": ""}, {"Origin": "https://attacker.example"}, {"Origin": "null"}],
    ids=["rebound name", "name like an address", "no name", "page of another origin", "page without origin"],
)  # fmt: skip
def test_a_web_page_cannot_use_a_service_without_authentication(address, headers):
    with running_api(address) as url:
        assert httpx.get(f"{url}/api/v1/orders", headers=headers).status_code == 403
        assert httpx.post(f"{url}/api/v1/events", headers=headers, json={}).status_code == 403
        port = url.rpartition(":")[2]
        for host in (f"127.0.0.1:{port}", "localhost", "LOCALHOST:1", "[::1]:8080"):
            assert httpx.get(f"{url}/api/v1/orders", headers={"Host": host}).status_code == 200


def test_with_authentication_the_host_may_have_any_name(address):
    issuer = Issuer()
    with (
        issuer.served() as jwks,
        running_api(address, jwks=jwks, issuer=ISSUER, audience=AUDIENCE) as url,
    ):
        headers = {"Host": "api.example", "Authorization": f"Bearer {issuer.token()}"}
        assert httpx.get(f"{url}/api/v1/orders", headers=headers).status_code == 200


def test_headers_that_are_too_large_are_431(address):
    with running_api(address) as url:
        head = b"GET /api/v1/stock HTTP/1.1\r\nHost: localhost\r\n"
        fits = raw(url, head + b"X: " + b"a" * 8000 + b"\r\nConnection: close\r\n\r\n")
        assert fits.startswith(b"HTTP/1.1 200")
        for large in (
            b"X: " + b"a" * 20_000,
            b"".join(b"X-%d: a\r\n" % n for n in range(3000)),
            b"X: " + b"a" * 900_000,
        ):
            reply = raw(url, head + large)
            assert not reply or reply.startswith(b"HTTP/1.1 431 "), reply[:100]
        long = raw(url, b"GET /api/v1/stock?" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert long.startswith(b"HTTP/1.1 431 ")
        assert httpx.get(f"{url}/health").status_code == 200


def test_bodies_that_are_too_large_are_413_before_they_are_read(address):
    with running_api(address, max_body_bytes=10_000) as url:
        assert httpx.post(f"{url}/api/v1/events", content=b"x" * 10_001).status_code == 413
        head = b"POST /api/v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        declared = raw(url, head + b"Content-Length: 99999999999\r\n\r\n", 5)
        assert declared.startswith(b"HTTP/1.1 413 ")
        chunks = b"Transfer-Encoding: chunked\r\n\r\n" + b"1000\r\n" + b"x" * 4096 + b"\r\n"
        streamed = raw(url, head + chunks + (b"1000\r\n" + b"x" * 4096 + b"\r\n") * 3, 5)
        assert streamed.startswith(b"HTTP/1.1 413 ")


def test_requests_that_are_smuggled_or_broken_are_400(address):
    with running_api(address) as url:
        for data in (
            b"GET / HTTP/9.9\r\n\r\n",
            b"POST /api/v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\n\r\n",
            b"GET /api/v1/stock HTTP/1.1\r\nHost : x\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01",
            b"POST /api/v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
        ):
            assert raw(url, data, 5).startswith(b"HTTP/1.1 400"), data


class Quick(BoundedProtocol):
    """The protocol with short times."""

    head_seconds, body_seconds, write_seconds = 1.0, 1.0, 1.0


def test_slow_clients_are_cut_off_and_others_are_served_meanwhile(address):
    """Slowloris: connections that send a head or a body a byte at a time, or nothing."""
    with running_api(address, uvicorn={"http": Quick}) as url:
        host, port = url.removeprefix("http://").split(":")
        starts = {
            "silent": b"",
            "slow head": b"GET /api/v1/stock HTTP/1.1\r\nX: ",
            "slow body": b"POST /api/v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n",
        }
        held = [(name, socket.create_connection((host, int(port)), timeout=10)) for name in starts for _ in range(40)]
        ended: dict[str, float] = {}
        began = time.monotonic()

        def drip(name: str, connection: socket.socket) -> None:
            try:
                connection.sendall(starts[name])
                while True:
                    if name != "silent":
                        connection.sendall(b"a")
                    connection.settimeout(0.2)
                    try:
                        if not connection.recv(1000):
                            break
                    except TimeoutError:
                        if time.monotonic() - began > 8:
                            return
            except OSError:
                pass
            ended[f"{name} {connection.fileno()}"] = time.monotonic() - began

        threads = [threading.Thread(target=drip, args=one, daemon=True) for one in held]
        for thread in threads:
            thread.start()
        latencies = []
        for _ in range(10):
            at_once = time.monotonic()
            assert httpx.get(f"{url}/api/v1/stock").status_code == 200
            latencies.append(time.monotonic() - at_once)
        for thread in threads:
            thread.join(12)
        for _, connection in held:
            connection.close()
    assert len(ended) == len(held)
    assert max(ended.values()) < 6
    assert max(latencies) < 3


def test_a_client_that_does_not_read_its_response_is_cut_off(address, monkeypatch):
    with running_api(address, uvicorn={"http": Quick}) as url:
        host, port = url.removeprefix("http://").split(":")
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.settimeout(15)
            connection.connect((host, int(port)))
            request = b"GET /api/v1/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"
            ended = False
            for _ in range(400):  # responses of 70 kB that nobody reads
                try:
                    connection.sendall(request)
                    time.sleep(0.01)
                except OSError:
                    ended = True
                    break
            assert ended
        assert httpx.get(f"{url}/health").status_code == 200


def test_tls_is_version_1_3_only(address, tmp_path):
    ca = write_certificates(tmp_path, tmp_path / "server.crt", tmp_path / "server.key")
    with running_api(address, tls_certificate=tmp_path / "server.crt", tls_key=tmp_path / "server.key") as url:
        context = ssl.create_default_context(cafile=ca)
        with httpx.Client(verify=context) as client:
            assert client.get(f"{url}/api/v1/stock").status_code == 200
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with httpx.Client(verify=context) as client, pytest.raises(httpx.ConnectError):
            client.get(f"{url}/health")
