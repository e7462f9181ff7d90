"""The issuer's key set: which keys are taken, when it is read again, and what happens when it cannot be."""

import json

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from services.api.auth.jwks import MAX_BYTES, STALE_SECONDS, TTL_SECONDS, KeySet, KeysUnavailable, fetch, parse_keys


def jwk(key, **more) -> dict:
    algorithm = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
    return {**json.loads(algorithm.to_jwk(key.public_key())), **more}


P256 = ec.generate_private_key(ec.SECP256R1())


def test_weak_foreign_and_symmetric_keys_are_left_out():
    entries = [
        jwk(P256, kid="ec"),
        jwk(ec.generate_private_key(ec.SECP384R1()), kid="p384"),
        jwk(rsa.generate_private_key(public_exponent=65537, key_size=1024), kid="short"),
        jwk(P256, kid="enc", use="enc"),
        jwk(P256),
        jwk(P256, kid="k" * 129),
        {"kty": "oct", "kid": "hmac", "k": "AAAA"},
        {"kty": "RSA", "kid": "broken", "n": "!", "e": "AQAB"},
        7,
    ]
    found = parse_keys(json.dumps({"keys": entries}).encode())
    assert {name: key.algorithm for name, key in found.items()} == {"ec": "ES256"}


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b'{"keys": 3}', b" " * (MAX_BYTES + 1)])
def test_what_is_no_key_set_keeps_the_keys_that_are_known(text):
    now, reply = [0.0], [json.dumps({"keys": [jwk(P256, kid="a")]}).encode()]
    keys = KeySet("x", read=lambda source: reply[0], clock=lambda: now[0])
    keys.refresh()
    reply[0] = text
    now[0] = TTL_SECONDS
    assert keys.needs_refresh("a")
    keys.refresh()
    assert keys.find("a") is not None
    now[0] += STALE_SECONDS + 1
    with pytest.raises(KeysUnavailable):
        keys.find("a")


def test_an_unknown_id_causes_one_read_per_interval():
    now, reads = [0.0], []

    def read(source: str) -> bytes:
        reads.append(now[0])
        return json.dumps({"keys": [jwk(P256, kid="a")]}).encode()

    keys = KeySet("x", read=read, clock=lambda: now[0])
    for second in range(30):
        now[0] = float(second)
        for number in range(100):
            if keys.needs_refresh(f"invented-{number}"):
                keys.refresh()
    assert len(reads) == 3


def test_a_set_that_was_never_read_authenticates_nobody():
    def fail(source: str) -> bytes:
        raise OSError

    keys = KeySet("x", read=fail, clock=lambda: 0.0)
    keys.refresh()
    with pytest.raises(KeysUnavailable):
        keys.find("a")


def test_a_file_is_a_source(tmp_path):
    file = tmp_path / "jwks.json"
    file.write_text("{}")
    assert fetch(str(file)) == b"{}"
