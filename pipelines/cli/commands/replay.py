"""The command `replay`: a stretch of history again, through the main job's own graph."""

import argparse
import sys
import time
from typing import Any

from pipelines.cli.progress import show_progress
from pipelines.errors import UserError
from pipelines.job import make_job, run_id_of, whoami
from pipelines.options import add_job_arguments, add_run_id, parse_moment, positive, read_key
from pipelines.replay.engine import Engine, drop_staging
from pipelines.replay.estimate import Estimate, estimate
from pipelines.replay.event_store_source import store_queries
from pipelines.replay.ledger import Claim, RunLedger
from pipelines.replay.request import choice_of, deciding_version, filters_of
from pipelines.replay.shadow import prepare_shadow, shadow_target
from pipelines.replay.time_range import CLOCKS, PERIODS, Range, make_range
from pipelines.runners.direct import RUNNERS
from pipelines.stores.bigquery_errors import AWAY, away
from pipelines.stores.folder_lock import lock_folder
from pipelines.stores.provision.provision import provision
from pipelines.stores.target import Endpoints, Target, add_target_arguments
from schemas.message import TOPICS
from transforms.clock import wall_us
from transforms.sources.filter_messages import ChooseMessages, MessageFilter
from transforms.sources.read_event_store import ReadStore, Store
from transforms.sources.read_files import ReadMessages

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
    parser.add_argument(
        "--as_of_version",
        metavar="V",
        help="refuse to run unless this pipeline version decides, or V/S with the schema version; the ledger keeps both",
    )
    add_run_id(parser)
    parser.add_argument(
        "--lease_seconds", type=positive, default=600, help="how long a dead run holds its range, seconds"
    )
    parser.add_argument("--runner", choices=RUNNERS, default=RUNNERS[0], help="the Beam runner")
    parser.add_argument("--direct_num_workers", type=positive, default=1, help="worker processes")
    add_job_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Replay, and print what became of it."""
    began, started = time.monotonic(), wall_us()
    at = parse_moment("at", args.at) if args.at else started
    start = parse_moment("from", args.start) if args.start else None
    end = parse_moment("to", args.end) if args.end else None
    wanted = make_range(start, end, args.period, at, args.by)
    choice, version = choice_of(args, wanted), deciding_version(args.as_of_version)
    key = read_key(args.pii_key_file)
    target = Target.from_args(args, needs_lake=True)
    if (args.mode == "shadow") != (args.into is not None):
        raise UserError(f"--into {args.into}: is for --mode shadow, and needed there; the mode is {args.mode}")
    into = shadow_target(target, args.into) if args.into else None
    with lock_folder(None if args.dry_run else target.directory, "replay"), target.open() as endpoints:
        ledger = RunLedger(endpoints.bigquery, target, args.lease_seconds)
        ledger.reach()
        plan = _estimated(args, endpoints, target, choice, shadow=into is not None)
        print(f"{args.mode} of {wanted}: {plan}", file=sys.stderr)
        if args.dry_run:
            return 0
        provision(endpoints, target, window_seconds=args.window_seconds)
        run_id = run_id_of(args, started)
        claim = Claim(run_id, wanted, args.mode, args.source, whoami(), version, filters_of(args), args.into)
        for dead in ledger.claim(claim):
            drop_staging(endpoints, target, dead)
        store = Store(target.project, endpoints.rest_url)
        with ledger.held(claim, store.client()), show_progress(plan.archive_bytes, plan.messages):
            if not plan.messages:
                counts = {"messages": 0}
                endpoints.bigquery.query(ledger.row(claim, "DONE", counts=counts)).result()
            else:
                engine = Engine(
                    endpoints, target, ledger, claim, make_job(args, target, endpoints.write_endpoint, run_id, started, key),
                    args.runner, args.direct_num_workers, tell=tell,
                )  # fmt: skip
                counts = _replay(args, engine, choice, plan, into)
    _report(args, run_id, wanted, counts, time.monotonic() - began)
    return 0


def _replay(
    args: argparse.Namespace, engine: Engine, choice: MessageFilter, plan: Estimate, into: Target | None
) -> dict[str, int]:
    if args.source == "archive":
        read: Any = ReadMessages(ranges=plan.ranges, as_of=engine.job.run.started)
        source = ChooseMessages(source=read, choice=choice)
    else:
        source = ReadStore(store=engine.store, queries=store_queries(engine.target, choice))
    if into is None:
        return engine.run(source)
    prepare_shadow(engine.endpoints, into, args.window_seconds)
    counted = engine.graph(source, into)
    counts = {"messages": sum(count for name, count in counted.items() if name.startswith("received_"))}
    engine.endpoints.bigquery.query(engine.ledger.row(engine.claim, "DONE", counts=counts)).result()
    return counts


def _estimated(
    args: argparse.Namespace, endpoints: Endpoints, target: Target, choice: MessageFilter, *, shadow: bool
) -> Estimate:
    try:
        return estimate(endpoints, target, args.source, choice, shadow=shadow)
    except AWAY as error:
        raise UserError(f"--source {args.source}: the event store cannot be read: {away(error)}") from error


def tell(line: str) -> None:
    """Say to a person who waits which step a run is at."""
    print(line, file=sys.stderr)


def _report(args: argparse.Namespace, run_id: str, wanted: Range, counts: dict[str, int], seconds: float) -> None:
    if not counts["messages"]:
        print(f"{run_id}: {args.mode} of {wanted}: the range is empty, nothing to do")
        return
    told = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in counts.items())
    print(f"{run_id}: {args.mode} done: {told}; {seconds:.1f} s, {counts['messages'] / seconds:,.0f} messages/s")
    if args.into:
        print(f"compare with: --into {args.into} (command compare)")
