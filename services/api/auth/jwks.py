"""The public keys of the issuer, by key id: a JWKS that is fetched, cached and fetched again when a new key id appears.

A token with an unknown key id causes at most one fetch per `MIN_REFRESH_SECONDS`, so that invented ids cost nobody
anything. If the issuer does not answer, known keys are used for `STALE_SECONDS` more.
"""

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

TTL_SECONDS = 300.0
MIN_REFRESH_SECONDS = 10.0
STALE_SECONDS = 3600.0
FETCH_SECONDS = 5.0
MAX_BYTES = 256 * 1024
MIN_RSA_BITS = 2048
MAX_KEY_ID = 128


class KeysUnavailable(Exception):
    """The key set was never read, or too long ago: nobody can be authenticated, 503."""


class SigningKey:
    """A public key and the one algorithm that it is for: the token's header does not choose."""

    __slots__ = ("algorithm", "key")

    def __init__(self, key: Any, algorithm: str) -> None:
        self.key, self.algorithm = key, algorithm


def fetch(source: str) -> bytes:
    """Return the text of a key set: of an https URL, an http URL of this machine, or a file."""
    if not source.startswith(("https://", "http://")):
        return Path(source).read_bytes()[: MAX_BYTES + 1]
    request = urllib.request.Request(source, headers={"Accept": "application/json"})
    with urllib.request.build_opener(_NoRedirect).open(request, timeout=FETCH_SECONDS) as reply:
        return bytes(reply.read(MAX_BYTES + 1))


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect could lead to another host: it is an error."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def parse_keys(text: bytes) -> dict[str, SigningKey]:
    """Return the keys of a key set by id: RSA keys of at least 2,048 bits and P-256 keys; all others are left out."""
    if len(text) > MAX_BYTES:
        raise ValueError("the key set is too large")
    found: dict[str, SigningKey] = {}
    for entry in json.loads(text)["keys"]:
        if not isinstance(entry, Mapping) or entry.get("use", "sig") != "sig":
            continue
        key_id = entry.get("kid")
        if (
            not isinstance(key_id, str)
            or not key_id
            or len(key_id) > MAX_KEY_ID
            or entry.get("kty") not in ("RSA", "EC")
        ):
            continue
        try:
            key = jwt.PyJWK({**entry, "alg": "RS256" if entry["kty"] == "RSA" else "ES256"}).key
        except (jwt.PyJWTError, ValueError, KeyError):
            continue
        if isinstance(key, rsa.RSAPublicKey) and key.key_size >= MIN_RSA_BITS:
            found[key_id] = SigningKey(key, "RS256")
        elif isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
            found[key_id] = SigningKey(key, "ES256")
    return found


class KeySet:
    """The issuer's keys.

    Args:
        source: URL or file of the JWKS.
        read: returns its text.
        clock: monotonic clock, seconds.
    """

    def __init__(
        self, source: str, *, read: Callable[[str], bytes] = fetch, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._source, self._read, self._clock = source, read, clock
        self._keys: dict[str, SigningKey] = {}
        self._read_at: float | None = None
        self._tried_at: float | None = None
        self._lock = threading.Lock()

    def needs_refresh(self, key_id: str) -> bool:
        """Return whether the set should be read before a key is looked up."""
        now = self._clock()
        if self._tried_at is not None and now - self._tried_at < MIN_REFRESH_SECONDS:
            return False
        return self._read_at is None or now - self._read_at >= TTL_SECONDS or key_id not in self._keys

    def refresh(self) -> None:
        """Read the set; a failure keeps the keys that are known."""
        with self._lock:
            now = self._clock()
            if self._tried_at is not None and now - self._tried_at < MIN_REFRESH_SECONDS:
                return
            self._tried_at = now
            try:
                self._keys = parse_keys(self._read(self._source))
            except (OSError, ValueError, KeyError, TypeError, urllib.error.URLError):
                return
            self._read_at = self._clock()

    def find(self, key_id: str) -> SigningKey | None:
        """Return the key with an id, None if there is none.

        Raises:
            KeysUnavailable: the set was never read, or too long ago.
        """
        if self._read_at is None or self._clock() - self._read_at > TTL_SECONDS + STALE_SECONDS:
            raise KeysUnavailable("the issuer's key set cannot be read")
        return self._keys.get(key_id)
