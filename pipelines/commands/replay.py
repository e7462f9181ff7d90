"""The command `replay`: a stretch of history again, through the main job's own graph."""

import argparse
import getpass
import platform
import sys
import time
import uuid
from pathlib import Path
from typing import Any

from google.api_core.exceptions import GoogleAPICallError

from pipelines.config import JobConfig
from pipelines.errors import UserError
from pipelines.options import add_job_arguments, now_us, parse_moment, positive, read_key
from pipelines.progress import show_progress
from pipelines.provisioning.provision import provision
from pipelines.replaying.archive import ArchivePlan, plan_archive
from pipelines.replaying.engine import Engine, drop_staging
from pipelines.replaying.ledger import Claim, Ledger
from pipelines.replaying.periods import CLOCKS, PERIODS, Range, make_range
from pipelines.replaying.shadow import prepare_shadow, shadow_target
from pipelines.replaying.store import count_store, store_queries
from pipelines.runners import RUNNERS
from pipelines.target import Endpoints, Target, add_target_arguments
from pipelines.version import pipeline_version
from schemas.message import TOPICS
from schemas.registry import REGISTRY
from schemas.times import to_datetime
from transforms.choose import Choice, ChooseMessages
from transforms.read import ReadMessages
from transforms.read_store import ReadStore, Store
from transforms.rows import Run

HELP = "Run a stretch of history again, from the archive or the event store, into the live tables or beside them."
MODES = ("backfill", "rebuild", "shadow")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_target_arguments(parser)
    parser.add_argument("--source", choices=("archive", "events"), default="archive", help="what is read")
    parser.add_argument("--mode", choices=MODES, required=True, help="append what is lacking, make anew, or beside")
    parser.add_argument("--from", dest="start", metavar="T", help="first instant of the range, RFC 3339")
    parser.add_argument("--to", dest="end", metavar="T", help="first instant after the range")
    parser.add_argument("--period", choices=PERIODS, help="the whole period (UTC) before --at, for schedules")
    parser.add_argument("--at", metavar="T", help="the clock of --period (default: now)")
    parser.add_argument("--by", choices=CLOCKS, default=CLOCKS[0], help="the clock of the range")
    parser.add_argument("--topics", nargs="+", choices=TOPICS, default=[], metavar="TOPIC", help="only these topics")
    parser.add_argument("--event_types", nargs="+", default=[], metavar="TYPE", help="only these event types")
    parser.add_argument(
        "--entity", metavar="ID", help="only events of this order, customer, article, payment or device"
    )
    parser.add_argument("--correlation_id", metavar="UUID", help="only events of this flow")
    parser.add_argument("--into", metavar="DATASET", help="with --mode shadow: the dataset that is made and filled")
    parser.add_argument("--dry_run", action="store_true", help="print the estimate and stop")
    parser.add_argument("--run_id", help="name of the run (default: its start and six random digits)")
    parser.add_argument(
        "--lease_seconds", type=positive, default=600, help="how long a dead run holds its range, seconds"
    )
    parser.add_argument("--runner", choices=RUNNERS, default=RUNNERS[0], help="the Beam runner")
    parser.add_argument("--direct_num_workers", type=positive, default=1, help="worker processes")
    add_job_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Replay, and print what became of it."""
    began, started = time.monotonic(), now_us()
    at = parse_moment("at", args.at) if args.at else started
    start = parse_moment("from", args.start) if args.start else None
    end = parse_moment("to", args.end) if args.end else None
    wanted = make_range(start, end, args.period, at, args.by)
    choice = _choice(args, wanted)
    key = read_key(args.pii_key_file)
    target = Target.from_args(args, needs_lake=True)
    if (args.mode == "shadow") != (args.into is not None):
        raise UserError(f"--into {args.into}: is for --mode shadow, and needed there; the mode is {args.mode}")
    into = shadow_target(target, args.into) if args.into else None
    with target.open() as endpoints:
        plan = _plan(args, endpoints, target, choice)
        _estimate(args, wanted, plan)
        if args.dry_run:
            return 0
        provision(endpoints, target, window_seconds=args.window_seconds)
        run_id = args.run_id or f"{to_datetime(started):%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:6]}"
        claim = Claim(run_id, wanted, args.mode, args.source, whoami(), pipeline_version(), _filters(args), args.into)
        ledger = Ledger(endpoints.bigquery, target, args.lease_seconds)
        for dead in ledger.claim(claim):
            drop_staging(endpoints, target, dead)
        store = Store(target.project, endpoints.rest_url)
        with ledger.held(claim, store.client()), show_progress(plan.bytes):
            if not plan.messages:
                counts = {"messages": 0}
                endpoints.bigquery.query(ledger.row(claim, "DONE", counts=counts)).result()
            else:
                engine = Engine(
                    endpoints, target, ledger, claim, make_job(args, target, endpoints, run_id, started, key),
                    args.runner, args.direct_num_workers,
                )  # fmt: skip
                counts = _replay(args, engine, choice, plan, into)
    _report(args, run_id, wanted, counts, time.monotonic() - began)
    return 0


def _replay(
    args: argparse.Namespace, engine: Engine, choice: Choice, plan: ArchivePlan, into: Target | None
) -> dict[str, int]:
    if args.source == "archive":
        read: Any = ReadMessages(plan.ranges, engine.job.run.started)
        source = ChooseMessages(read, choice)
    else:
        source = ReadStore(engine.store, store_queries(engine.target, choice))
    if into is None:
        return engine.run(source)
    prepare_shadow(engine.endpoints, into, args.window_seconds)
    counted = engine.graph(source, into)
    counts = {"messages": sum(count for name, count in counted.items() if name.startswith("received_"))}
    engine.endpoints.bigquery.query(engine.ledger.row(engine.claim, "DONE", counts=counts)).result()
    return counts


def make_job(
    args: argparse.Namespace, target: Target, endpoints: Endpoints, run_id: str, started: int, key: bytes | None
) -> JobConfig:
    """Return the job's config on a target."""
    temp = target.directory / ".work" / run_id if target.directory is not None else None
    return JobConfig(
        run=Run(run_id, started, pipeline_version()),
        lake=target.lake,
        temp=str(temp or f"{target.lake}/.replay/temp-{run_id}"),
        project=target.project,
        event_store=target.event_store,
        analytics=target.analytics,
        write_endpoint=endpoints.write_endpoint,
        window_seconds=args.window_seconds,
        lateness_seconds=args.allowed_lateness_seconds,
        accept_cloudevents=args.accept_cloudevents,
        pii_key=key,
        sink_retry_budget_seconds=args.sink_retry_budget,
        bigquery_method=args.bigquery_method,
        saga_timeout_minutes=args.saga_timeout_minutes,
        saga_alerts_topic=args.saga_alerts_topic,
    )


def whoami() -> str:
    """Return who runs this, for the ledger."""
    try:
        return f"{getpass.getuser()}@{platform.node()}"
    except (KeyError, OSError):  # a container without a user database
        return platform.node()


def _choice(args: argparse.Namespace, wanted: Range) -> Choice:
    for name in args.event_types:
        if REGISTRY.get(name) is None:
            raise UserError(
                f"--event_types {name}: no such event type; there are {', '.join(t.name for t in REGISTRY)}"
            )
    return Choice(
        wanted.start, wanted.end, wanted.by, tuple(args.topics), tuple(args.event_types), args.entity,
        args.correlation_id.lower() if args.correlation_id else None, args.accept_cloudevents,
    )  # fmt: skip


def _filters(args: argparse.Namespace) -> dict[str, Any]:
    names = ("topics", "event_types", "entity", "correlation_id")
    return {name: getattr(args, name) for name in names if getattr(args, name)}


def _plan(args: argparse.Namespace, endpoints: Endpoints, target: Target, choice: Choice) -> ArchivePlan:
    if args.source == "archive":
        if target.directory is not None and not Path(target.lake).is_dir():
            raise UserError(f"--output {target.directory}: there is no lake in it")
        return plan_archive(target.lake, Range(choice.start, choice.end, choice.by), choice.topics)
    try:
        return ArchivePlan([], *count_store(endpoints.bigquery, target, choice))
    except GoogleAPICallError as error:
        raise UserError(f"--source events: the event store cannot be read: {error.message}") from None


def _estimate(args: argparse.Namespace, wanted: Range, plan: ArchivePlan) -> None:
    kind = "bytes of archive" if args.source == "archive" else "bytes of BigQuery"
    files = f" in {len(plan.ranges):,} files" if args.source == "archive" else ""
    print(f"{args.mode} of {wanted}: up to {plan.messages:,} messages, {plan.bytes:,} {kind}{files}", file=sys.stderr)


def _report(args: argparse.Namespace, run_id: str, wanted: Range, counts: dict[str, int], seconds: float) -> None:
    if not counts["messages"]:
        print(f"{run_id}: {args.mode} of {wanted}: the range is empty, nothing to do")
        return
    told = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in counts.items())
    print(f"{run_id}: {args.mode} done: {told}; {seconds:.1f} s, {counts['messages'] / seconds:,.0f} messages/s")
    if args.into:
        print(f"compare with: --into {args.into} (command compare)")
