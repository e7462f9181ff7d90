"""Make and check the access token of an emulator: a random secret that every request must carry.

The emulator listens on the loopback interface, where every user of the machine and every page in a browser can connect.
The token is what separates them from the owner of the data: it is in the address file, which only the owner reads, and
clients send it as `Authorization: Bearer TOKEN` (REST) or as the metadata key `authorization` (gRPC).

An address that carries its token is written as a URL is with a password: `http://emulator:TOKEN@127.0.0.1:9050`. Google's
REST client sends such a password by itself, so `BIGQUERY_EMULATOR_HOST` works with the address alone.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets

USER = "emulator"
_TOKEN_BYTES = 32


def new_token() -> str:
    """Return a random token of letters, digits, `-` and `_`."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def with_token(address: str, token: str) -> str:
    """Return a URL or `host:port` that carries the token as the password of the user `emulator`."""
    scheme, separator, rest = address.rpartition("://")
    return f"{scheme}{separator}{USER}:{token}@{rest}" if token else address


def split_token(address: str) -> tuple[str, str]:
    """Return the address without its credentials, and the token; an empty token when there is none."""
    scheme, separator, rest = address.rpartition("://")
    credentials, _, host = rest.rpartition("@")
    return f"{scheme}{separator}{host}", credentials.partition(":")[2]


def authorized(header: str | None, token: str) -> bool:
    """Report whether an Authorization header carries the token, as Bearer or as the password of Basic."""
    scheme, _, value = (header or "").strip().partition(" ")
    if scheme.lower() == "basic":
        try:
            value = base64.b64decode(value, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return False
    elif scheme.lower() != "bearer":
        return False
    return hmac.compare_digest(value.strip().encode(), token.encode())
