"""API keys: 256 random bits that only their owner holds; the service's file has their SHA-256.

A guess has to hit one of 2^256 keys, so a fast hash is enough, and a lookup by hash takes the same time for every wrong key.
"""

import hashlib
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from schemas.timestamps import TimeFormatError, TimeRangeError, parse_rfc3339
from services.api.auth.principal import NotAuthenticated, Principal, Scope

PREFIX = "epk_"
KEY_BYTES = 32
MAX_KEY = 128
RELOAD_SECONDS = 5.0


class KeyFileError(ValueError):
    """The file of API keys cannot be used; the text names the entry."""


def new_key() -> tuple[str, str]:
    """Return a new key and its hash."""
    key = PREFIX + secrets.token_urlsafe(KEY_BYTES)
    return key, hash_of(key)


def hash_of(key: str) -> str:
    """Return a key's hash as the file holds it."""
    return f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"


def parse_file(text: str) -> dict[str, tuple[Principal, int | None]]:
    """Return the callers by the hash of their key, each with its end (UTC microseconds) or None."""
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError:
        raise KeyFileError("it is not YAML") from None
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise KeyFileError("it has no list `keys`")
    found: dict[str, tuple[Principal, int | None]] = {}
    for number, entry in enumerate(entries):
        digest, principal, end = _entry(entry, f"keys[{number}]")
        if digest in found:
            raise KeyFileError(f"keys[{number}]: this hash is there twice")
        found[digest] = principal, end
    return found


def _entry(entry: Any, where: str) -> tuple[str, Principal, int | None]:
    if not isinstance(entry, dict) or set(entry) - {"name", "hash", "scopes", "customer_id", "expires"}:
        raise KeyFileError(f"{where}: must have name, hash and scopes, and may have customer_id and expires")
    name, digest, scopes = entry.get("name"), entry.get("hash"), entry.get("scopes")
    if not isinstance(name, str) or not name:
        raise KeyFileError(f"{where}.name: must be a text")
    if not isinstance(digest, str) or len(digest) != 71 or not digest.startswith("sha256:"):
        raise KeyFileError(f"{where}.hash: must be sha256: and 64 hex digits; `api-key` makes one")
    known = {str(scope) for scope in Scope}
    if not isinstance(scopes, list) or not all(scope in known for scope in scopes):
        raise KeyFileError(f"{where}.scopes: must be a list of {', '.join(sorted(known))}")
    customer, expires = entry.get("customer_id"), entry.get("expires")
    if customer is not None and not isinstance(customer, str):
        raise KeyFileError(f"{where}.customer_id: must be a text")
    try:
        end = None if expires is None else parse_rfc3339(str(expires))[0]
    except (TimeFormatError, TimeRangeError):
        raise KeyFileError(f'{where}.expires: must be a time like "2027-01-01T00:00:00Z", in quotes') from None
    return digest, Principal(name=f"key:{name}", scopes=frozenset(scopes), customer_id=customer), end


class ApiKeys:
    """The keys of a file, which is read again when it changes; a file that became wrong leaves the keys as they are.

    Args:
        path: the file; None: there are no keys.
        clock: monotonic clock, seconds.
        wall: wall clock, UTC microseconds.
    """

    def __init__(
        self, path: Path | None, *, wall: Callable[[], int], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._path, self._wall, self._clock = path, wall, clock
        self._keys: dict[str, tuple[Principal, int | None]] = {}
        self._stamp: tuple[int, int] | None = None
        self._checked = 0.0
        if path is not None:
            self._keys = parse_file(path.read_text())
            self._stamp, self._checked = _stamp(path), clock()

    def verify(self, key: str) -> Principal:
        """Return the caller of a key; raise NotAuthenticated for a wrong one."""
        self._reload()
        if len(key) > MAX_KEY:
            raise NotAuthenticated("the API key is not known")
        principal, end = self._keys.get(hash_of(key), (None, None))
        if principal is None:
            raise NotAuthenticated("the API key is not known")
        if end is not None and self._wall() >= end:
            raise NotAuthenticated("the API key has expired")
        return principal

    def _reload(self) -> None:
        now = self._clock()
        if self._path is None or now - self._checked < RELOAD_SECONDS:
            return
        self._checked = now
        try:
            stamp = _stamp(self._path)
            if stamp != self._stamp:
                self._keys, self._stamp = parse_file(self._path.read_text()), stamp
        except (OSError, KeyFileError):
            return


def _stamp(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_mtime_ns, found.st_size
