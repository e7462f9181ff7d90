"""How many rows of a live run lie between its source and its tables, so that the source can wait for them.

A runner on one machine takes whatever a source hands out and holds in memory what the steps behind it have not done. It
tells the source nothing, so the steps themselves count: what goes into the first shuffle, and what has arrived. Both ends
are in one process there; on Dataflow nobody asks.
"""

import threading
from collections import Counter
from dataclasses import dataclass

import apache_beam as beam
from apache_beam.typehints.decorators import no_annotations

from schemas.tables.definitions import EVENTS
from transforms.sinks.results import AppendResult, FailedRows

_LOCK = threading.Lock()
_ROWS: Counter[str] = Counter()


@dataclass(frozen=True)
class InFlight:
    """The rows of one run that are on their way in this process."""

    run_id: str

    def add(self, rows: int) -> None:
        """Count rows that set out."""
        with _LOCK:
            _ROWS[self.run_id] += rows

    def settle(self, rows: int) -> None:
        """Count rows that have arrived, or go no further."""
        self.add(-rows)

    def rows(self) -> int:
        """Return how many are on their way."""
        return _ROWS[self.run_id]


@dataclass(kw_only=True)
class SettleRows(beam.PTransform[AppendResult, None]):
    """Tell what the sink has done with the event store's rows: appended or refused, they have arrived."""

    run_id: str

    @no_annotations  # Beam knows single inputs only
    def expand(self, result: AppendResult) -> None:
        flow = InFlight(self.run_id)
        _ = result.appended | "Appended" >> beam.Map(_appended, flow)
        _ = result.failed | "Refused" >> beam.Map(_refused, flow)


def _appended(appended: tuple[str, int], flow: InFlight) -> None:
    table, rows = appended
    if table == EVENTS.name:
        flow.settle(rows)


def _refused(failed: FailedRows, flow: InFlight) -> None:
    if failed.table == EVENTS.name:
        flow.settle(failed.rows.num_rows)
