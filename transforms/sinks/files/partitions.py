"""Hive partitions of the lake: one per UTC hour."""

from schemas.timestamps import SECOND_US, to_rfc3339

HOUR_US = 3600 * SECOND_US


def hour_partition(time_us: int) -> str:
    """Return `dt=2026-06-15/hour=12` of an instant."""
    text = to_rfc3339(time_us)
    return f"dt={text[:10]}/hour={text[11:13]}"
