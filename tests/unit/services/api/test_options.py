"""Options of the service: combinations that would open it to everyone are refused."""

from pathlib import Path

import pytest

from schemas.read_model.address import parse_address
from services.api.options import ApiConfig, ConfigError

MODEL = parse_address("sqlite:///x")
TOKENS = {"issuer": "i", "audience": "a", "jwks": "https://issuer.example/jwks"}
TLS = {"tls_certificate": Path("c"), "tls_key": Path("k")}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "one of --jwks, --api_keys and --no_auth is needed"),
        ({"no_auth": True, "host": "0.0.0.0"}, "--no_auth: is for this machine only"),
        ({"no_auth": True, **TOKENS}, "--no_auth: contradicts"),
        ({"jwks": "https://i/jwks"}, "are needed together"),
        ({**TOKENS, "jwks": "http://issuer.example/jwks"}, "must be https"),
        ({**TOKENS, "jwks": "http://127.0.0.1.example/jwks"}, "must be https"),
        ({**TOKENS, "host": "0.0.0.0"}, "needs --tls_certificate"),
        ({**TOKENS, "tls_key": Path("k")}, "are needed together"),
    ],
)
def test_an_open_or_contradictory_service_is_refused(given, words):
    with pytest.raises(ConfigError, match=words):
        ApiConfig(read_model=MODEL, **given)


@pytest.mark.parametrize(
    "given",
    [
        {"no_auth": True},
        TOKENS,
        {**TOKENS, "host": "0.0.0.0", **TLS},
        {**TOKENS, "host": "0.0.0.0", "behind_proxy": True},
    ],
)
def test_services_that_are_accepted(given):
    assert ApiConfig(read_model=MODEL, **given)
