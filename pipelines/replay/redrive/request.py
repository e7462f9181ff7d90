"""What a redrive is asked for, and what it did."""

from dataclasses import dataclass

from pipelines.errors import UserError
from pipelines.job import JobOptions
from pipelines.replay.redrive.stored import Selection
from pipelines.runners.direct import RUNNERS
from pipelines.stores.target import Target
from schemas.repair.rules import Rules


@dataclass(frozen=True, kw_only=True)
class RedriveRequest:
    """One redrive.

    Args:
        target: the live stores.
        selection: which dead letters.
        job: options of the pipeline's steps.
        run_id: name of the run, taken once.
        started: start of the run, UTC microseconds.
        rules: repairs; None sends messages as they are.
        rules_path: where the rules came from, for the run record.
        topics_project: project of the topics that messages are published to; None sends them through the graph. Rejected
            rows go through the graph in any case: the topics' pipeline takes their events for duplicates.
        max_attempts: a message that has been redriven more often is given up.
        limit: send or give up at most this many; 0 is no limit.
        lease_seconds: how long the range stays claimed after the run's last sign of life.
        runner: the Beam runner.
        workers: worker processes.
    """

    target: Target
    selection: Selection
    job: JobOptions
    run_id: str
    started: int
    rules: Rules | None = None
    rules_path: str | None = None
    topics_project: str | None = None
    max_attempts: int = 3
    limit: int = 0
    lease_seconds: int = 600
    runner: str = RUNNERS[0]
    workers: int = 1

    def __post_init__(self) -> None:
        if self.limit < 0:
            raise UserError(f"--limit {self.limit}: must be 0 (all) or more")


@dataclass(frozen=True)
class RedriveResult:
    """The outcomes of the dead letters of a redrive; `appended` is None if they were published to their topics."""

    run_id: str
    sent: int
    resolved: int
    appended: int | None
    given_up: int
    left: int
    rows: int = 0
    """Rows to deliver, and how many of them were."""
    delivered: int = 0

    def __str__(self) -> str:
        if self.appended is None:
            done = f"sent {self.sent:,}"
        else:
            failed = self.sent - self.resolved
            done = f"resolved {self.resolved:,} (new events {self.appended:,}), failed again {failed:,}"
        if self.rows:
            done += f", delivered {self.delivered:,} of {self.rows:,} rejected rows"
        return f"{self.run_id}: {done}, given up {self.given_up:,}, left open {self.left:,}"
