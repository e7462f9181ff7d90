"""Personal text as `analytics` may hold it: HMAC-SHA256 under the run's key, or not at all (docs/data-contract.md#outputs)."""

import hashlib
import hmac

MIN_KEY_BYTES = 16


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
