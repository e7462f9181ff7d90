"""What attackers try: forged tokens, other customers' records, SQL, oversized and slow requests. Each is refused."""

import base64
import hashlib
import hmac
import json
import socket
import ssl
import threading
import time
from urllib.parse import quote

import httpx
import jwt
import psycopg
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from pipelines.read_model.migrate import migrate
from schemas.read_model.address import parse_address
from services.api.app import create_app
from services.api.auth.api_keys import new_key
from services.api.auth.principal import Scope
from services.api.http.protocol import BoundedProtocol
from tests.support.api_server import AUDIENCE, ISSUER, Issuer, bearer, running_api
from tests.support.certificates import write_certificates
from tests.support.deliveries import Delivery, Fact, at
from tests.support.postgres import cluster
from tests.support.read_models import event_uuid, events_of, sagas_of, sqlite_url
from transforms.sinks.read_model.opened import open_store

HMAC = "0123456789abcdef" * 4
NAME = {"customer_id": "c1", "country": "FR", "name_hmac": HMAC}


def fill(address) -> None:
    migrate(address)
    deliveries, sagas = [], []
    for number in (1, 2):
        order = {"order_id": f"order{number}", "customer_id": f"c{number}", "items": [], "status": "NEW"}
        deliveries.append(Delivery(Fact(event_uuid(f"o{number}"), "order.created", at(0), order), "m", at(0)))
        customer = {**NAME, "customer_id": f"c{number}"}
        deliveries.append(Delivery(Fact(event_uuid(f"c{number}"), "customer.registered", at(0), customer), "m", at(0)))
        sagas.append({
            "order_id": f"order{number}", "correlation_id": "flow", "state": "CREATED", "started_time": at(0),
            "updated_time": at(0), "deadline": None, "events": 1, "alerts": [], "version": 1, "run_id": "r",
        })  # fmt: skip
    store = open_store(address)
    store.apply(events_of(deliveries), sagas_of(sagas))
    store.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    made = parse_address(sqlite_url(tmp_path_factory.mktemp("attacks")))
    fill(made)
    return made


@pytest.fixture(scope="module")
def issuer():
    return Issuer()


@pytest.fixture(scope="module")
def api(address, issuer):
    with (
        issuer.served() as jwks,
        running_api(address, jwks=jwks, issuer=ISSUER, audience=AUDIENCE) as url,
        httpx.Client(base_url=f"{url}/api/v1", timeout=20) as client,
    ):
        yield client


def encoded(part: dict) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def hand_made(header: dict, claims: dict, signature: str = "") -> str:
    return f"{encoded(header)}.{encoded(claims)}.{signature}"


def claims(**changes) -> dict:
    now = int(time.time())
    given = {"iss": ISSUER, "aud": AUDIENCE, "sub": "x", "exp": now + 300, "scope": " ".join(Scope), **changes}
    return {name: value for name, value in given.items() if value is not None}


def forged(issuer: Issuer) -> dict[str, str]:
    """Return tokens that are not valid, by what is wrong with them."""
    public = issuer.rsa.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    now = int(time.time())
    good = issuer.token()
    head, body, signature = good.split(".")
    own_key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(stranger.public_key()))
    return {
        "alg none": hand_made({"alg": "none", "kid": "rsa-1"}, claims()),
        "alg None": hand_made({"alg": "None", "kid": "rsa-1"}, claims()),
        "no alg": hand_made({"kid": "rsa-1"}, claims()),
        "hs256 with the public key": hs256({"alg": "HS256", "kid": "rsa-1"}, claims(), public),
        "hs256 with the set's hmac key": hs256({"alg": "HS256", "kid": "hmac-1"}, claims(), b"not-a-secret"),
        "rs256 named for an es256 key": jwt.encode(claims(), issuer.rsa, "RS256", headers={"kid": "ec-1"}),
        "a key for encryption": jwt.encode(claims(), issuer.rsa, "RS256", headers={"kid": "enc-1"}),
        "a stranger's key": jwt.encode(claims(), stranger, "RS256", headers={"kid": "rsa-1"}),
        "a key in the header": jwt.encode(claims(), stranger, "RS256", headers={"kid": "rsa-1", "jwk": own_key}),
        "a key set in the header": jwt.encode(claims(), stranger, "RS256", headers={"kid": "mine", "jku": "http://127.0.0.1:1/"}),
        "wrong audience": issuer.token(aud="another"),
        "no audience": issuer.token(aud=None),
        "wrong issuer": issuer.token(iss="https://issuer.test"),
        "no issuer": issuer.token(iss=None),
        "expired": issuer.token(exp=now - 31),
        "no expiry": issuer.token(exp=None),
        "not yet valid": issuer.token(nbf=now + 120),
        "no subject": issuer.token(sub=None),
        "changed body": f"{head}.{encoded(claims(scope='all'))}.{signature}",
        "no signature": f"{head}.{body}.",
        "critical header": issuer.token(header={"crit": ["exp"]}),
        "kid of an empty file": hs256({"alg": "HS256", "kid": "../../../../dev/null"}, claims(), b""),
        "kid of a file, rs256": jwt.encode(claims(), stranger, "RS256", headers={"kid": "../../../../etc/passwd"}),
        "kid of sql": jwt.encode(claims(), stranger, "RS256", headers={"kid": "' UNION SELECT 'rsa-1' --"}),
        "kid that is no text": hand_made({"alg": "RS256", "kid": {"$ne": ""}}, claims(), signature),
        "no kid": jwt.encode(claims(), issuer.rsa, "RS256"),
        "a long kid": jwt.encode(claims(), issuer.rsa, "RS256", headers={"kid": "k" * 5000}),
        "not a token": "x",
        "five parts": "a.b.c.d.e",
        "scope that is no text": jwt.encode(claims(scope=7), issuer.rsa, "RS256", headers={"kid": "rsa-1"}),
        "deep header": f"{base64.urlsafe_b64encode(b'[' * 3000).decode().rstrip('=')}.e30.x",
    }  # fmt: skip


def hs256(header: dict, body: dict, secret: bytes) -> str:
    text = f"{encoded(header)}.{encoded(body)}"
    digest = hmac.new(secret, text.encode(), hashlib.sha256).digest()
    return f"{text}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def test_tokens_of_the_issuer_are_accepted_with_either_algorithm(api, issuer):
    for key in ("rsa-1", "ec-1"):
        assert api.get("/stock", headers=bearer(issuer.token(key=key))).status_code == 200
    assert api.get("/stock", headers=bearer(issuer.token(exp=int(time.time()) - 5))).status_code == 200  # clock skew
    assert api.get("/stock", headers=bearer(issuer.token(aud=["other", AUDIENCE]))).status_code == 200


@pytest.mark.parametrize("name", forged(Issuer()))
def test_a_forged_token_is_refused(api, issuer, name):
    reply = api.get("/stock", headers=bearer(forged(issuer)[name]))
    assert reply.status_code == 401, reply.text
    assert reply.headers["www-authenticate"].startswith("Bearer ")
    assert reply.json()["status"] == 401


def test_missing_and_doubled_credentials_are_refused(api, issuer):
    token = issuer.token()
    assert api.get("/stock").status_code == 401
    assert "invalid_token" not in api.get("/stock").headers["www-authenticate"]
    assert api.get("/stock", headers={"Authorization": f"Basic {token}"}).status_code == 401
    assert api.get("/stock", headers={**bearer(token), "X-API-Key": "x"}).status_code == 401
    two = [("Authorization", f"Bearer {token}"), ("Authorization", "Bearer x")]
    assert api.get("/stock", headers=two).status_code == 401
    assert api.get(f"/stock?access_token={token}").status_code == 401


def test_a_rotated_key_is_found_and_invented_key_ids_cost_one_fetch(address, monkeypatch):
    issuer = Issuer()
    with issuer.served() as jwks, running_api(address, jwks=jwks, issuer=ISSUER, audience=AUDIENCE) as url:
        monkeypatch.setattr("services.api.auth.jwks.MIN_REFRESH_SECONDS", 0.5)
        get = lambda token: httpx.get(f"{url}/api/v1/stock", headers=bearer(token)).status_code  # noqa: E731
        assert get(issuer.token()) == 200
        issuer.keys["rsa-2"] = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        before, began = issuer.fetches, time.monotonic()
        for number in range(20):
            assert get(jwt.encode(claims(), issuer.rsa, "RS256", headers={"kid": f"invented-{number}"})) == 401
        assert issuer.fetches - before <= 1 + (time.monotonic() - began) / 0.5
        time.sleep(0.6)
        assert get(issuer.token(key="rsa-2")) == 200
        del issuer.keys["rsa-1"]  # withdrawn: refused once the set was read again
        withdrawn = jwt.encode(claims(), issuer.rsa, "RS256", headers={"kid": "rsa-1"})
        time.sleep(0.6)
        get(jwt.encode(claims(), issuer.rsa, "RS256", headers={"kid": "another"}))
        assert get(withdrawn) == 401


SCOPE_OF = {
    "/orders": Scope.ORDERS, "/orders/order1": Scope.ORDERS, "/orders/order1/saga": Scope.ORDERS,
    "/orders/order1/events": Scope.ORDERS, "/customers": Scope.CUSTOMERS, "/customers/c1": Scope.CUSTOMERS,
    "/stock": Scope.STOCK, "/revenue": Scope.REVENUE, "/devices/d/telemetry": Scope.TELEMETRY,
    "/metrics/pipeline": Scope.METRICS, "/dead-letters": Scope.DEAD_LETTERS,
}  # fmt: skip


@pytest.mark.parametrize("path", SCOPE_OF)
def test_each_resource_needs_its_own_scope(api, issuer, path):
    others = " ".join(scope for scope in Scope if scope is not SCOPE_OF[path])
    refused = api.get(path, headers=bearer(issuer.token(others)))
    assert refused.status_code == 403
    assert f'scope="{SCOPE_OF[path]}"' in refused.headers["www-authenticate"]
    assert api.get(path, headers=bearer(issuer.token(SCOPE_OF[path]))).status_code in (200, 503)


def test_every_route_of_the_document_needs_a_credential(api):
    document = create_app(None).openapi()
    for path, item in document["paths"].items():
        if not path.startswith("/api/v1"):
            continue
        for method in item:
            where = (
                path.removeprefix("/api/v1")
                .replace("{order_id}", "x")
                .replace("{customer_id}", "x")
                .replace("{device_id}", "x")
            )
            assert api.request(method, where).status_code == 401, (method, path)
            assert item[method]["security"], path


def test_events_need_their_scope(api, issuer):
    token = issuer.token(" ".join(scope for scope in Scope if scope is not Scope.EVENTS))
    assert api.post("/events", content=b"{}", headers=bearer(token)).status_code == 403


def test_personal_data_needs_its_scope(api, issuer):
    without = bearer(issuer.token(f"{Scope.CUSTOMERS} {Scope.ORDERS}"))
    for path in ("/customers", "/customers/c1"):
        assert HMAC not in api.get(path, headers=without).text
        assert HMAC in api.get(path, headers=bearer(issuer.token(f"{Scope.CUSTOMERS} {Scope.PERSONAL}"))).text
    assert api.get("/orders/order1/events?data=true", headers=without).status_code == 403


def test_a_caller_of_one_customer_sees_no_other_customers_records(api, issuer):
    mine = bearer(issuer.token(customer_id="c1"))
    assert [row["order_id"] for row in api.get("/orders", headers=mine).json()["items"]] == ["order1"]
    assert api.get("/orders?customer_id=c2", headers=mine).json()["items"] == []
    assert [row["customer_id"] for row in api.get("/customers", headers=mine).json()["items"]] == ["c1"]
    for path in ("/orders/order1", "/orders/order1/saga", "/orders/order1/events", "/customers/c1"):
        assert api.get(path, headers=mine).status_code == 200, path
    for path in ("/orders/order2", "/orders/order2/saga", "/orders/order2/events", "/customers/c2"):
        other, none = api.get(path, headers=mine), api.get(path.replace("2", "9"), headers=mine)
        assert (other.status_code, other.json()["title"]) == (404, none.json()["title"]), path
    for path in ("/stock", "/revenue", "/dead-letters"):
        assert api.get(path, headers=mine).status_code == 403, path
    other = issuer.token(customer_id=["c1", "c2"])
    assert api.get("/orders", headers=bearer(other)).status_code == 401


def test_api_keys_are_stored_hashed_and_expire(address, tmp_path):
    (good, digest), (old, old_digest) = new_key(), new_key()
    file = tmp_path / "keys.yaml"
    file.write_text(
        f'keys:\n- {{name: a, hash: "{digest}", scopes: ["stock:read"]}}\n'
        f'- {{name: b, hash: "{old_digest}", scopes: ["stock:read"], expires: "2020-01-01T00:00:00Z"}}\n'
    )
    assert good not in file.read_text()
    with running_api(address, api_keys=file) as url:
        get = lambda path, key: httpx.get(f"{url}/api/v1{path}", headers={"X-API-Key": key}).status_code  # noqa: E731
        assert get("/stock", good) == 200
        assert get("/orders", good) == 403
        for wrong in (old, digest, good[:-1], good + "x", "", "epk_" + "x" * 4000):
            assert get("/stock", wrong) == 401
        assert httpx.get(f"{url}/api/v1/stock", headers=bearer(good)).status_code == 401


PAYLOADS = (
    "' OR '1'='1", "1; DROP TABLE orders; --", "') UNION SELECT version() --", "x' AND (SELECT pg_sleep(5)) IS NULL --",
    "%27%20OR%201=1", "\\'; SELECT 1", "{{7*7}}", "${jndi:ldap://x}", "\" OR \"\"=\"", "`orders`", "@@version", "%(limit)s",
    ":limit", "order1'--", "$1", "../../etc/passwd", "\r\nSet-Cookie: x=1", "\uff4f\uff52 1=1", "%", "_", "\ud7ff",
)  # fmt: skip


@pytest.mark.parametrize("kind", ["postgresql", "sqlite"])
def test_sql_in_any_parameter_or_header_changes_and_shows_nothing(kind, address, tmp_path):
    if kind == "sqlite":
        every_parameter(address)
        return
    with cluster() as server:
        made = parse_address(server.url(server.new_database()))
        fill(made)
        every_parameter(made)
        with psycopg.connect(made.conninfo) as connection:
            assert connection.execute("SELECT count(*) FROM read_model.orders").fetchall() == [(2,)]


def every_parameter(address) -> None:
    document = create_app(None).openapi()
    with running_api(address) as url, httpx.Client(base_url=url, timeout=20) as client:
        for path, item in document["paths"].items():
            if "get" not in item or not path.startswith("/api/v1"):
                continue
            for parameter in item["get"].get("parameters", []):
                for payload in PAYLOADS:
                    where = path
                    for name in ("order_id", "customer_id", "device_id"):
                        value = payload if parameter["name"] == name and parameter["in"] == "path" else "order1"
                        where = where.replace(f"{{{name}}}", quote(value, safe=""))
                    query = {parameter["name"]: payload} if parameter["in"] == "query" else {}
                    began = time.monotonic()
                    reply = client.get(where, params=query)
                    assert time.monotonic() - began < 3, (path, parameter["name"], payload)
                    assert reply.status_code in (200, 404, 422, 503), (path, parameter["name"], payload, reply.text)
                    if reply.status_code == 503:
                        assert "no BigQuery" in reply.text
                    if reply.status_code == 200 and parameter["in"] == "query":
                        assert reply.json()["items"] == [], (path, parameter["name"], payload)
                    assert "set-cookie" not in reply.headers
        for payload in ("' OR 1=1 --", "x" * 3000):
            reply = client.get("/api/v1/orders", headers={"If-None-Match": payload, "User-Agent": payload})
            assert reply.status_code == 200


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


def test_headers_that_are_too_large_are_431(address):
    with running_api(address) as url:
        head = b"GET /api/v1/stock HTTP/1.1\r\nHost: x\r\n"
        fits = raw(url, head + b"X: " + b"a" * 8000 + b"\r\nConnection: close\r\n\r\n")
        assert fits.startswith(b"HTTP/1.1 200")
        for large in (
            b"X: " + b"a" * 20_000,
            b"".join(b"X-%d: a\r\n" % n for n in range(3000)),
            b"X: " + b"a" * 900_000,
        ):
            reply = raw(url, head + large)
            assert not reply or reply.startswith(b"HTTP/1.1 431 "), reply[:100]
        long = raw(url, b"GET /api/v1/stock?" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        assert long.startswith(b"HTTP/1.1 431 ")
        assert httpx.get(f"{url}/health").status_code == 200


def test_bodies_that_are_too_large_are_413_before_they_are_read(address):
    with running_api(address, max_body_bytes=10_000) as url:
        assert httpx.post(f"{url}/api/v1/events", content=b"x" * 10_001).status_code == 413
        head = b"POST /api/v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        declared = raw(url, head + b"Content-Length: 99999999999\r\n\r\n", 5)
        assert declared.startswith(b"HTTP/1.1 413 ")
        chunks = b"Transfer-Encoding: chunked\r\n\r\n" + b"1000\r\n" + b"x" * 4096 + b"\r\n"
        streamed = raw(url, head + chunks + (b"1000\r\n" + b"x" * 4096 + b"\r\n") * 3, 5)
        assert streamed.startswith(b"HTTP/1.1 413 ")


def test_requests_that_are_smuggled_or_broken_are_400(address):
    with running_api(address) as url:
        for data in (
            b"GET / HTTP/9.9\r\n\r\n",
            b"POST /api/v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\n\r\n",
            b"GET /api/v1/stock HTTP/1.1\r\nHost : x\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01",
            b"POST /api/v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
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
            "slow body": b"POST /api/v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n",
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
            request = b"GET /api/v1/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"
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


def test_nothing_personal_is_logged(address, caplog, capfd):
    with running_api(address) as url:
        httpx.get(f"{url}/api/v1/customers/c1?as_of=x%27secret-9")
        httpx.post(f"{url}/api/v1/events", content=b'{"eventId": "secret-9"}')
    printed = capfd.readouterr()
    assert "secret-9" not in caplog.text + printed.out + printed.err
    assert "customers/c1" not in caplog.text + printed.out + printed.err
