"""Personal text as `analytics` may hold it: HMAC-SHA256 under the run's key, or not at all (docs/data-contract.md#outputs)."""

import hashlib
import hmac

MIN_KEY_BYTES = 16
VERSION_TEXT = b"event-pipelines: version of the key of pseudonyms"
VERSION_DIGITS = 12


def key_version(key: bytes | None) -> str | None:
    """Return the version of a key: digits that tell keys apart and do not give the key; None without a key.

    It is a hash of the key and not its number in Secret Manager, so that a key in a file and the same key as a secret have
    one version.
    """
    if key is None:
        return None
    return hmac.new(key, VERSION_TEXT, hashlib.sha256).hexdigest()[:VERSION_DIGITS]


class Pseudonymizer:
    """Turn personal text into its keyed hash: equal text, equal hash; None without a key.

    Surrounding blanks and case do not count, so that every spelling of an address has the same hash.
    """

    def __init__(self, key: bytes | None) -> None:
        if key is not None and len(key) < MIN_KEY_BYTES:
            raise ValueError(f"key must have at least {MIN_KEY_BYTES} bytes, got {len(key)}")
        self._key = key

    def __call__(self, text: str) -> str | None:
        """Return 64 hex digits, or None."""
        if self._key is None:
            return None
        return hmac.new(self._key, text.strip().casefold().encode(), hashlib.sha256).hexdigest()
