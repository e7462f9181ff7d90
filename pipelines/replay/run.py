"""Run a replay: estimate, claim the range, run the graph, publish, and report the result.

The command `replay` does it in one process. The template does the first half in its launcher and the last in its job.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import apache_beam as beam

from pipelines.config import JobConfig
from pipelines.errors import UserError
from pipelines.job import make_job
from pipelines.replay.engine import Engine
from pipelines.replay.estimate import Estimate, estimate
from pipelines.replay.event_store_source import filter_condition, store_queries
from pipelines.replay.request import ReplayRequest
from pipelines.replay.run_records import Claim, RunRecords
from pipelines.replay.shadow import prepare_shadow
from pipelines.replay.staging import drop_leftovers, drop_staging, finish_publishes
from pipelines.replay.time_range import Range
from pipelines.replay.undelivered import Undelivered, computed_rows
from pipelines.replay.unfinished import finish_killed_runs
from pipelines.stores.bigquery_errors import SERVICE_ERRORS, describe_error
from pipelines.stores.settings import KeyOfRun, provision_agreed
from pipelines.stores.target import Endpoints, Target
from pipelines.stores.undelivered import add_undelivered_dead_letters
from transforms.sources.filter_messages import ChooseMessages
from transforms.sources.read_event_store import ReadStore, Store
from transforms.sources.read_files import ReadMessages


@dataclass(frozen=True)
class ReplayResult:
    """What a replay did: the counts of its run record, and the seconds it took."""

    run_id: str
    mode: str
    range: Range
    counts: dict[str, int]
    seconds: float
    skipped: int = 0
    """Damaged files and hours of the archive that were left out."""

    def __str__(self) -> str:
        if not self.counts["messages"]:
            return f"{self.run_id}: {self.mode} of {self.range}: the range is empty, nothing to do"
        counts = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in self.counts.items())
        rate = self.counts["messages"] / self.seconds
        if self.skipped:
            counts += f", skipped {self.skipped:,} damaged files or hours"
        return f"{self.run_id}: {self.mode} done: {counts}; {self.seconds:.1f} s, {rate:,.0f} messages/s"


def estimate_replay(endpoints: Endpoints, request: ReplayRequest) -> Estimate:
    """Return what a replay is going to read; nothing is written.

    Raises:
        UserError: the run records or the source cannot be read.
        RunFailed: the archive is damaged, and the request does not skip that.
    """
    RunRecords(endpoints.bigquery, request.target, request.lease_seconds).reach()
    try:
        return estimate(
            endpoints,
            request.target,
            request.source,
            request.message_filter,
            shadow=request.into is not None,
            skip_damaged=request.skip_damaged,
        )
    except SERVICE_ERRORS as error:
        raise UserError(
            f"--source {request.source}: the event store cannot be read: {describe_error(error)}"
        ) from error


def prepare_replay(endpoints: Endpoints, request: ReplayRequest) -> None:
    """Provision the stores and finish what killed commands left there, before the range is looked at.

    Raises:
        UserError: the run records cannot be read, or an option differs from the settings of the store.
    """
    RunRecords(endpoints.bigquery, request.target, request.lease_seconds).reach()
    provision_agreed(
        endpoints, request.target, run_id=request.run_id, window_seconds=window_of(request), key=key_of(request)
    )
    finish_killed_runs(endpoints, request.target, job_of(endpoints, request))


def claim_range(
    endpoints: Endpoints,
    target: Target,
    claim: Claim,
    *,
    lease_seconds: int,
    window_seconds: int | None,
    key: KeyOfRun | None = None,
) -> RunRecords:
    """Provision the stores, claim the range, and finish or drop what dead runs have left; return the run records.

    Args:
        window_seconds: the window of the run; None if it writes elsewhere, so that it may differ from the store's.
        key: the key of the run; None likewise.

    Raises:
        UserError: another run holds the range, or the window or the key differs from the store's.
    """
    provision_agreed(endpoints, target, run_id=claim.run_id, window_seconds=window_seconds, key=key)
    add_undelivered_dead_letters(endpoints.bigquery, target)
    run_records = RunRecords(endpoints.bigquery, target, lease_seconds)
    for dead in run_records.claim(claim):
        drop_staging(endpoints, target, dead)
    finish_publishes(endpoints, target, run_records)
    drop_leftovers(endpoints, target, run_records)
    return run_records


def job_of(endpoints: Endpoints, request: ReplayRequest) -> JobConfig:
    """Return the config of the job as it would run on the live stores."""
    return make_job(
        request.job,
        request.target,
        write_endpoint=endpoints.write_endpoint,
        run_id=request.run_id,
        started=request.started,
    )


def source_of(endpoints: Endpoints, request: ReplayRequest, plan: Estimate) -> beam.PTransform[Any, Any]:
    """Return the source that the graph reads."""
    if request.source == "archive":
        read = ReadMessages(ranges=plan.ranges, as_of=request.started)
        return ChooseMessages(source=read, choice=request.message_filter)
    store = Store(request.target.project, endpoints.rest_url)
    return ReadStore(store=store, queries=store_queries(request.target, request.message_filter))


def undelivered_of(endpoints: Endpoints, request: ReplayRequest) -> Undelivered:
    """Return what the range delivers besides its messages: typed rows that tables rejected, rejected counts and sagas."""
    hours, orders = computed_rows(endpoints.bigquery, request.target)
    return Undelivered(filter_condition(request.message_filter), hours, orders)


def run_replay(
    endpoints: Endpoints, request: ReplayRequest, plan: Estimate, report: Callable[[str], None]
) -> ReplayResult:
    """Claim the range and replay it in this process; `report` takes a line for each step.

    Raises:
        UserError: another run holds the range.
        RunFailed: the replay failed; the live stores are as before.
    """
    began = time.monotonic()
    claim = request.claim
    run_records = claim_range(
        endpoints,
        request.target,
        claim,
        lease_seconds=request.lease_seconds,
        window_seconds=window_of(request),
        key=key_of(request),
    )
    with run_records.held(claim, Store(request.target.project, endpoints.rest_url).client()):
        if not plan.messages:
            counts = {"messages": 0}
            run_records.record_done(claim, counts)
        else:
            engine = Engine(
                endpoints,
                request.target,
                run_records,
                claim,
                job_of(endpoints, request),
                runner=request.runner,
                workers=request.workers,
                report=report,
            )
            source = source_of(endpoints, request, plan)
            shadow = request.shadow
            if shadow is None:
                counts = engine.run(source, undelivered=undelivered_of(endpoints, request))
            else:
                prepare_shadow(endpoints, request.target, shadow, request.job.window_seconds)
                counts = engine.run_shadow(source, shadow)
    return ReplayResult(
        request.run_id, request.mode, request.range, counts, time.monotonic() - began, len(plan.damaged)
    )


def key_of(request: ReplayRequest) -> KeyOfRun | None:
    """Return the key that the store must have; None for a shadow, which `compare` compares across keys."""
    return None if request.shadow is not None else KeyOfRun(request.job.pii_key_version)


def window_of(request: ReplayRequest) -> int | None:
    """Return the window that the store must have; None for a shadow, whose datasets have their own."""
    return None if request.shadow is not None else request.job.window_seconds
