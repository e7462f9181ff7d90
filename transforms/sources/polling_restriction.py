"""The restriction of a source that polls without end until it reports that it has ended."""

from collections.abc import Iterator
from typing import Any

import apache_beam as beam
from apache_beam.io.restriction_trackers import OffsetRange, OffsetRestrictionTracker

END = 1 << 62
"""The position that a source claims to end."""


class PollingTracker(OffsetRestrictionTracker):
    """Positions are polls. The remainder is deferred to poll again later, and is never split."""

    def is_bounded(self) -> bool:
        return False

    def try_split(self, fraction_of_remainder: float) -> Any:
        return super().try_split(fraction_of_remainder) if fraction_of_remainder == 0 else None


class PollingRestriction(beam.RestrictionProvider):
    """One restriction per element, because one process pulls."""

    def initial_restriction(self, element: Any) -> OffsetRange:
        return OffsetRange(0, END)

    def create_tracker(self, restriction: OffsetRange) -> OffsetRestrictionTracker:
        return PollingTracker(restriction)

    def restriction_size(self, element: Any, restriction: OffsetRange) -> int:
        return 1

    def split(self, element: Any, restriction: OffsetRange) -> Iterator[OffsetRange]:
        yield restriction

    def truncate(self, element: Any, restriction: OffsetRange) -> OffsetRange | None:
        return None
