"""The options of `replay` and of the replay template, and the request that is made of them."""

import argparse

from pipelines.job import make_run_id
from pipelines.options import add_job_arguments, add_run_id, job_options, parse_moment, positive
from pipelines.replay.request import MODES, SOURCES, ReplayRequest, check_version, make_filter
from pipelines.replay.time_range import CLOCKS, PERIODS, make_range
from pipelines.runners.direct import RUNNERS
from pipelines.stores.target import Target, add_target_arguments
from schemas.message import TOPICS
from transforms.clock import wall_us


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `replay`."""
    add_target_arguments(parser)
    parser.add_argument(
        "--source", choices=SOURCES, default=SOURCES[0], help="read the archive's messages, or the event store's events"
    )
    parser.add_argument(
        "--mode",
        choices=MODES,
        required=True,
        help="backfill: add missing rows; rebuild: replace the range; shadow: write to separate datasets",
    )
    parser.add_argument("--from", dest="start", metavar="T", help="first instant of the range, RFC 3339")
    parser.add_argument("--to", dest="end", metavar="T", help="first instant after the range, RFC 3339")
    parser.add_argument(
        "--period", choices=PERIODS, help="the whole period (UTC) before --at instead of --from and --to, for schedules"
    )
    parser.add_argument("--at", metavar="T", help="the time that --period is counted from, RFC 3339 (default: now)")
    parser.add_argument("--by", choices=CLOCKS, default=CLOCKS[0], help="the time that the range is compared with")
    parser.add_argument("--topics", nargs="+", choices=TOPICS, default=[], metavar="TOPIC", help="only these topics")
    parser.add_argument("--event_types", nargs="+", default=[], metavar="TYPE", help="only these event types")
    parser.add_argument(
        "--entity", metavar="ID", help="only events of this order, customer, article, payment or device"
    )
    parser.add_argument("--correlation_id", metavar="UUID", help="only events with this correlation id")
    parser.add_argument("--into", metavar="DATASET", help="with --mode shadow: the dataset to create and fill")
    parser.add_argument(
        "--skip_damaged",
        action="store_true",
        help="leave out files of the archive that are damaged or missing, and hours without a manifest, and count them"
        " (default: they fail the run)",
    )
    parser.add_argument("--dry_run", action="store_true", help="print the estimate and stop; nothing is written")
    parser.add_argument(
        "--as_of_version",
        metavar="V",
        help="fail unless this is pipeline version V, or V/S with the schema version; the run record holds both",
    )
    add_run_arguments(parser)
    add_job_arguments(parser)


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `replay` and `redrive` share: the run's name, its lease and its runner."""
    add_run_id(parser)
    parser.add_argument(
        "--lease_seconds",
        type=positive,
        default=600,
        help="how long a range stays claimed after its run has died, seconds",
    )
    parser.add_argument("--runner", choices=RUNNERS, default=RUNNERS[0], help="the Beam runner")
    parser.add_argument("--direct_num_workers", type=positive, default=1, help="number of worker processes")


def replay_request(args: argparse.Namespace, pii_key: bytes | None) -> ReplayRequest:
    """Return the request of parsed options; UserError names the option that is wrong."""
    started = wall_us()
    start, end = (parse_moment(name, text) if text else None for name, text in (("from", args.start), ("to", args.end)))
    at = parse_moment("at", args.at) if args.at else started
    wanted = make_range(start, end, args.period, at, args.by)
    message_filter = make_filter(
        wanted,
        topics=args.topics,
        event_types=args.event_types,
        entity=args.entity,
        correlation_id=args.correlation_id,
        accept_cloudevents=args.accept_cloudevents,
    )
    return ReplayRequest(
        target=Target.from_args(args, needs_lake=True),
        mode=args.mode,
        source=args.source,
        message_filter=message_filter,
        job=job_options(args, pii_key),
        run_id=make_run_id(args.run_id, started),
        started=started,
        version=check_version(args.as_of_version),
        into=args.into,
        lease_seconds=args.lease_seconds,
        runner=args.runner,
        workers=args.direct_num_workers,
        skip_damaged=args.skip_damaged,
    )
