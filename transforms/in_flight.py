"""How many messages of a streaming run are between its source and its tables, so that the source can wait for them.

A runner on one machine takes whatever a source emits and keeps in memory what later steps have not processed. It gives
the source no backpressure, so source and sink count: what was emitted, and what was written. Both are in one process
there. On a runner with many workers nothing asks for the count.
"""

from collections import deque
from dataclasses import dataclass

import apache_beam as beam
from apache_beam.typehints.decorators import no_annotations

from schemas.tables.definitions import DEAD_LETTERS, EVENTS
from transforms.process_state import SharedValues
from transforms.sinks.results import AppendResult, FailedRows

COUNTED_TABLES = (EVENTS.name, DEAD_LETTERS.name)
"""A message is a row of one of these, or a duplicate that deduplication dropped."""


class _Count:
    """Messages and bytes of one run. Messages arrive about in the order in which they were emitted."""

    __slots__ = ("batches", "bytes", "messages")

    def __init__(self) -> None:
        self.batches: deque[tuple[int, int, int]] = deque()
        self.messages = self.bytes = 0

    def add(self, messages: int, size: int, oldest: int) -> None:
        self.batches.append((messages, size, oldest))
        self.messages += messages
        self.bytes += size

    def remove(self, messages: int) -> None:
        while messages > 0 and self.batches:
            first, size, oldest = self.batches.popleft()
            if first > messages:
                part = size * messages // first
                self.batches.appendleft((first - messages, size - part, oldest))
                first, size = messages, part
            messages -= first
            self.messages -= first
            self.bytes -= size


_COUNTS: SharedValues[str, _Count] = SharedValues()


@dataclass(frozen=True)
class InFlight:
    """The messages of one run that this process has emitted and not yet written."""

    run_id: str

    def add(self, messages: int, size: int, oldest: int = 0) -> None:
        """Count messages that the source emits.

        Args:
            messages: how many.
            size: of all of them, bytes.
            oldest: their earliest publish time, UTC microseconds.
        """
        if messages:
            with _COUNTS.locked() as counts:
                counts.setdefault(self.run_id, _Count()).add(messages, size, oldest)

    def remove(self, messages: int) -> None:
        """Count messages that were written or dropped; if nothing is counted, nothing happens."""
        with _COUNTS.locked() as counts:
            if (count := counts.get(self.run_id)) is not None:
                count.remove(messages)

    def messages(self) -> int:
        """Return how many messages are in flight."""
        with _COUNTS.locked() as counts:
            count = counts.get(self.run_id)
        return count.messages if count is not None else 0

    def oldest(self) -> int | None:
        """Return the earliest publish time in flight, UTC microseconds; None: nothing is in flight."""
        with _COUNTS.locked() as counts:
            count = counts.get(self.run_id)
            return min((oldest for _, _, oldest in count.batches), default=None) if count is not None else None

    def bytes(self) -> int:
        """Return about how many bytes of messages are in flight."""
        with _COUNTS.locked() as counts:
            count = counts.get(self.run_id)
        return count.bytes if count is not None else 0


@dataclass(kw_only=True)
class SettleRows(beam.PTransform[AppendResult, None]):
    """Take messages out of the count when the sink has appended or rejected their rows.

    Args:
        run_id: the run that is counted.
    """

    run_id: str

    @no_annotations  # Beam knows single inputs only
    def expand(self, result: AppendResult) -> None:
        flow = InFlight(self.run_id)
        _ = result.appended | "Appended" >> beam.Map(_appended, flow)
        _ = result.failed | "Refused" >> beam.Map(_rejected, flow)


def _appended(appended: tuple[str, int], flow: InFlight) -> None:
    table, rows = appended
    if table in COUNTED_TABLES:
        flow.remove(rows)


def _rejected(failed: FailedRows, flow: InFlight) -> None:
    if failed.table in COUNTED_TABLES:
        flow.remove(failed.rows.num_rows)
