"""What was brought into a read model: counts, and the runs whose events it holds."""

from dataclasses import dataclass

from pipelines.read_model.session import Session
from schemas.timestamps import to_datetime
from transforms.clock import wall_us


@dataclass(frozen=True, kw_only=True)
class Applied:
    """What was brought into a read model.

    Args:
        rows: rows that were written.
        undelivered: rows that it did not take; they are dead letters of stage `sink`.
    """

    rows: int
    undelivered: int

    def __str__(self) -> str:
        return f"{self.rows:,} rows written, {self.undelivered:,} undelivered"


def mark_runs(session: Session, runs: list[str], namespace: str | None = None) -> None:
    """Record that the events of runs are in the read model, or that a streaming run writes them itself."""
    now = wall_us()
    moment = to_datetime(now) if session.dialect.name == "postgresql" else now
    table = session.table("applied_runs", namespace)
    for run in runs:
        session.rows(
            f"INSERT INTO {table} (run_id, applied_time) VALUES (?, ?) ON CONFLICT (run_id) DO NOTHING", run, moment
        )
