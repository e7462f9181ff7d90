"""Addresses that carry a token, and which Authorization headers carry the right one."""

import base64

import pytest

from pipelines.bigquery_emulator import access_token
from transforms import emulator_clients

REST, GRPC = "http://127.0.0.1:9050", "127.0.0.1:9060"


@pytest.mark.parametrize("address", [REST, GRPC])
def test_an_address_returns_its_token(address: str) -> None:
    token = access_token.new_token()
    carrying = access_token.with_token(address, token)
    assert access_token.split_token(carrying) == (address, token)
    assert emulator_clients.split_token(carrying) == (address, token), "the worker's copy of the rule"
    assert token not in address


@pytest.mark.parametrize("address", [REST, GRPC])
def test_an_address_without_a_token_stays_as_it_is(address: str) -> None:
    assert access_token.with_token(address, "") == address
    assert access_token.split_token(address) == (address, "")
    assert emulator_clients.split_token(address) == (address, "")


def basic(text: str) -> str:
    return f"Basic {base64.b64encode(text.encode()).decode()}"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Bearer right", True),
        ("bearer right", True),
        (basic("emulator:right"), True),
        (basic("anyone:right"), True),
        (None, False),
        ("", False),
        ("Bearer", False),
        ("Bearer wrong", False),
        ("Bearer right2", False),
        ("right", False),
        ("Digest right", False),
        (basic("right"), False),
        (basic("right:"), False),
        ("Basic %%%", False),
        ("Basic /w==", False),
        ("Bearer r\u00e9", False),
    ],
)
def test_only_the_right_token_is_accepted(header: str | None, expected: bool) -> None:
    assert access_token.authorized(header, "right") is expected
