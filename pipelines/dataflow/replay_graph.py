"""The replay template: the heavy part, the main job's graph into a staging, is the Dataflow graph; its last step is the
command's own end, which finds what changes and makes it stand in one transaction.

The launcher claims the range, so a second launch over it is refused before a worker starts.
"""

import argparse
import logging
from dataclasses import dataclass
from typing import Any

import apache_beam as beam

from pipelines import batch
from pipelines.cli.commands import compare
from pipelines.dataflow.after_all import finish
from pipelines.dataflow.secret_key import read_secret
from pipelines.errors import RunFailed, UserError
from pipelines.job import make_job, whoami
from pipelines.options import parse_moment
from pipelines.replay.engine import Engine, drop_staging
from pipelines.replay.estimate import estimate
from pipelines.replay.event_store_source import store_queries
from pipelines.replay.ledger import Claim, RunLedger
from pipelines.replay.request import choice_of, deciding_version, filters_of
from pipelines.replay.shadow import prepare_shadow, shadow_target
from pipelines.replay.time_range import make_range
from pipelines.stores.provision.provision import provision
from pipelines.stores.target import Endpoints, Target
from schemas.timestamps import to_datetime
from transforms.clock import wall_us
from transforms.sources.filter_messages import ChooseMessages
from transforms.sources.read_event_store import ReadStore, Store
from transforms.sources.read_files import ReadMessages

_LOG = logging.getLogger(__name__)
LEAST_LEASE_SECONDS = 6 * 3600
"""Nobody renews the lease while Dataflow works: it must outlive the job. A crashed job's range is free after it."""


class StagedEngine(Engine):
    """The engine in the job's last step: the staging is made and filled, the rest is as in the command."""

    def prepare(self) -> None:
        """Leave the staging as the launcher made it and the graph filled it."""

    def graph(self, source: Any, into: Target) -> dict[str, int]:
        """Return what the job's own graph counted, out of the rows that it wrote."""
        sql = f"SELECT topic, SUM(received) AS n FROM `{into.table('analytics', 'pipeline_metrics')}` GROUP BY topic"
        return {f"received_{row.topic}": int(row.n) for row in self.endpoints.bigquery.query(sql).result()}


@dataclass(frozen=True)
class Replayed:
    """What the last step needs, as it travels in the graph: no client, no credential."""

    target: Target
    claim: Claim
    lease_seconds: int
    job: Any
    empty: bool
    into: Target | None
    compare: bool

    def __call__(self) -> None:
        with self.target.open() as endpoints:
            ledger = RunLedger(endpoints.bigquery, self.target, self.lease_seconds)
            if self._state(endpoints) == "DONE":
                return  # a second try of this step
            with ledger.held(self.claim, Store(self.target.project, endpoints.rest_url).client()):
                self._finish(endpoints, ledger)

    def _finish(self, endpoints: Endpoints, ledger: RunLedger) -> None:
        engine = StagedEngine(endpoints, self.target, ledger, self.claim, self.job)
        if not self.empty and self.into is None:
            counts = engine.run(None)
        else:
            counted = engine.graph(None, self.into) if self.into is not None and not self.empty else {}
            counts = {"messages": sum(counted.values())}
            endpoints.bigquery.query(ledger.row(self.claim, "DONE", counts=counts)).result()
        _LOG.info("%s: %s of %s done: %s", self.claim.run_id, self.claim.mode, self.claim.range, counts)
        if self.compare and self.into is not None:
            differences(self.target, self.claim)

    def _state(self, endpoints: Endpoints) -> str | None:
        runs = self.target.table("event_store", "replay_runs")
        sql = f"SELECT state FROM `{runs}` WHERE run_id = '{self.claim.run_id}'"
        return next((row.state for row in endpoints.bigquery.query(sql).result()), None)


def build_replay(pipeline: beam.Pipeline, args: argparse.Namespace, temp: str) -> None:
    """Claim the range and wire its replay. An empty range is a job that says so."""
    started = wall_us()
    start, end = (parse_moment(name, text) if text else None for name, text in (("from", args.start), ("to", args.end)))
    at = parse_moment("at", args.at) if args.at else started
    wanted = make_range(start, end, args.period, at, args.by)
    choice, version = choice_of(args, wanted), deciding_version(args.as_of_version)
    key, target = read_secret(args.pii_key_secret), Target.from_args(args, needs_lake=True)
    if (args.mode == "shadow") != (args.into is not None):
        raise UserError(f"--into {args.into}: is for --mode shadow, and needed there; the mode is {args.mode}")
    if args.compare and args.into is None:
        raise UserError(f"--compare: is for --mode shadow; the mode is {args.mode}")
    into = shadow_target(target, args.into) if args.into else None
    run_id = args.run_id or f"{to_datetime(started):%Y%m%dT%H%M%SZ}-{args.mode}"
    lease = max(args.lease_seconds, LEAST_LEASE_SECONDS)
    with target.open() as endpoints:
        ledger = RunLedger(endpoints.bigquery, target, lease)
        ledger.reach()
        provision(endpoints, target, window_seconds=args.window_seconds)
        plan = estimate(endpoints, target, args.source, choice, shadow=into is not None)
        _LOG.info("%s of %s: %s", args.mode, wanted, plan)
        who = whoami()
        claim = Claim(run_id, wanted, args.mode, args.source, who, version, filters_of(args), args.into)
        for dead in ledger.claim(claim):
            drop_staging(endpoints, target, dead)
        job = make_job(args, target, endpoints.write_endpoint, run_id, started, key)
        engine = Engine(endpoints, target, ledger, claim, job)
        if plan.messages:
            if args.source == "archive":
                source: Any = ChooseMessages(source=ReadMessages(ranges=plan.ranges, as_of=started), choice=choice)
            else:
                source = ReadStore(
                    store=Store(target.project, endpoints.rest_url), queries=store_queries(target, choice)
                )
            if into is None:
                engine.prepare()
            else:
                prepare_shadow(endpoints, into, args.window_seconds)
            batch.build(pipeline, source, engine.job_into(into or engine.staged))
    last = Replayed(target, claim, lease, job, not plan.messages, into, args.compare)
    finish(pipeline, "FinishReplay", last)


def differences(target: Target, claim: Claim) -> None:
    """Compare the shadow with the live tables; RunFailed, which fails the job and so is an alert, where they differ."""
    here = target.directory is not None
    words = argparse.Namespace(
        output=str(target.directory) if here else None,
        project=None if here else target.project,
        lake=None if here else target.lake,
        location=target.location,
        event_store_dataset=target.event_store,
        analytics_dataset=target.analytics,
        into=claim.into, start=None, end=None, tables=[], limit=20,
    )  # fmt: skip
    wanted = claim.range
    if wanted.by == "publish_time":
        words.start, words.end = (to_datetime(one).strftime("%Y-%m-%dT%H:%M:%SZ") for one in (wanted.start, wanted.end))
    if compare.run(words):
        raise RunFailed(f"{claim.run_id}: the shadow {claim.into} differs from the live tables; `compare` lists where")
