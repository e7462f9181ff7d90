"""What attackers try with tokens, keys and scopes: forged tokens, other customers' records. Each is rejected."""

import base64
import hashlib
import hmac
import json
import time

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from schemas.read_model.address import parse_address
from services.api.app import create_app
from services.api.auth.api_keys import new_key
from services.api.auth.principal import Scope
from tests.support.api_server import AUDIENCE, ISSUER, Issuer, bearer, running_api
from tests.support.attacked_api import HMAC, fill
from tests.support.read_models import sqlite_url


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
