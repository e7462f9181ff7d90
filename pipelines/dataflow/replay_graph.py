"""The replay template: the Dataflow graph is the batch pipeline into staging tables; its last step publishes them.

The last step publishes in one transaction, as the command does.
The launcher claims the range, so a second launch over it is rejected before a worker starts.
"""

import logging
import time
from dataclasses import dataclass, replace
from typing import Any

import apache_beam as beam

from pipelines import batch
from pipelines.config import JobConfig
from pipelines.dataflow.after_all import finish
from pipelines.errors import RunFailed, UserError
from pipelines.replay.compare.run import CompareRequest, compare
from pipelines.replay.engine import Engine
from pipelines.replay.request import ReplayRequest
from pipelines.replay.run import (
    ReplayResult,
    claim_range,
    estimate_replay,
    job_of,
    key_of,
    source_of,
    undelivered_of,
    window_of,
)
from pipelines.replay.run_records import Claim, RunRecords
from pipelines.replay.shadow import prepare_shadow
from pipelines.stores.open_stores import open_stores
from pipelines.stores.target import Endpoints, Target
from schemas.timestamps import SECOND_US
from transforms.sources.read_event_store import Store

_LOG = logging.getLogger(__name__)
MIN_LEASE_SECONDS = 6 * 3600
"""Nobody renews the lease while Dataflow works: it must outlive the job. A crashed job's range is free after it."""


class StagedEngine(Engine):
    """The engine in the job's last step: the staging exists and the graph has filled it."""

    def prepare(self) -> None:
        """Keep the staging that the launcher created and the graph filled."""

    def graph(self, source: Any, into: Target) -> dict[str, int]:
        """Return the counts of the job's graph, from the rows that it wrote."""
        sql = f"SELECT topic, SUM(received) AS n FROM `{into.table('analytics', 'pipeline_metrics')}` GROUP BY topic"
        return {f"received_{row.topic}": int(row.n) for row in self.endpoints.bigquery.query(sql).result()}


@dataclass(frozen=True)
class FinishReplay:
    """The last step of the job, as it is pickled into the graph: no client, no credential."""

    request: ReplayRequest
    claim: Claim
    job: JobConfig
    empty: bool
    compared: bool

    def __call__(self) -> None:
        request = self.request
        with open_stores(request.target) as endpoints:
            run_records = RunRecords(endpoints.bigquery, request.target, request.lease_seconds)
            if run_records.state(self.claim.run_id) == "DONE":
                return  # a retry of this step
            with run_records.held(self.claim, Store(request.target.project, endpoints.rest_url).client()):
                self._finish(endpoints, run_records)

    def _finish(self, endpoints: Endpoints, run_records: RunRecords) -> None:
        engine = StagedEngine(endpoints, self.request.target, run_records, self.claim, self.job)
        shadow = self.request.shadow
        if self.empty:
            counts = {"messages": 0}
            run_records.record_done(self.claim, counts)
        else:
            undelivered = undelivered_of(endpoints, self.request)
            source = beam.Create([])  # the graph has run
            counts = (
                engine.run(source, undelivered=undelivered) if shadow is None else engine.run_shadow(source, shadow)
            )
        seconds = max(time.time() - self.request.started / SECOND_US, 0.001)
        _LOG.info("%s", ReplayResult(self.claim.run_id, self.claim.mode, self.claim.range, counts, seconds))
        if self.compared and shadow is not None:
            check_same(endpoints, self.request)


def build_replay(pipeline: beam.Pipeline, request: ReplayRequest, *, compared: bool = False) -> None:
    """Claim the range and wire its replay. An empty range is a job that records it.

    Args:
        compared: compare the shadow with the live tables at the end; a difference fails the job.
    """
    if compared and request.into is None:
        raise UserError(f"--compare: is for --mode shadow; the mode is {request.mode}")
    request = replace(request, lease_seconds=max(request.lease_seconds, MIN_LEASE_SECONDS))
    with open_stores(request.target) as endpoints:
        plan = estimate_replay(endpoints, request)
        _LOG.info("%s of %s: %s", request.mode, request.range, plan)
        claim = request.claim
        run_records = claim_range(
            endpoints,
            request.target,
            claim,
            lease_seconds=request.lease_seconds,
            window_seconds=window_of(request),
            key=key_of(request),
        )
        job = job_of(endpoints, request)
        engine = Engine(endpoints, request.target, run_records, claim, job)
        if plan.messages:
            if request.shadow is None:
                engine.prepare()
            else:
                prepare_shadow(endpoints, request.target, request.shadow, request.job.window_seconds)
            staged = engine.job_into(request.shadow or engine.staged)
            batch.build(pipeline, source_of(endpoints, request, plan), staged)
    finish(pipeline, "FinishReplay", FinishReplay(request, claim, job, not plan.messages, compared))


def check_same(endpoints: Endpoints, request: ReplayRequest) -> None:
    """Raise RunFailed, which fails the job and so raises an alert, if the shadow differs from the live tables."""
    assert request.into is not None
    wanted = request.range
    bounds = (wanted.start, wanted.end) if wanted.by == "publish_time" else None
    tables = list(compare(endpoints, CompareRequest(request.target, request.into, bounds)))
    differing = [f"{table.name} {table.differing:,}" for table in tables if table.differing]
    if differing:
        raise RunFailed(
            f"{request.run_id}: the shadow {request.into} differs from the live tables ({', '.join(differing)});"
            " `compare` lists where"
        )
