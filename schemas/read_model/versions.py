"""The version of a value: event time and event id in 24 bytes whose byte order is the order of (event time, event id)."""

import uuid
from functools import lru_cache

NONE = b""
"""The version of a column that no event has set: less than every other."""


def version_of(event_time: int, event_id: str) -> bytes:
    """Return the version of an event's values.

    Args:
        event_time: UTC microseconds, not negative (the contract takes no event before the year 2000).
        event_id: a UUID in its usual form.
    """
    return event_time.to_bytes(8, "big") + _id_bytes(event_id)


@lru_cache(maxsize=1024)
def _id_bytes(event_id: str) -> bytes:
    return uuid.UUID(event_id).bytes
