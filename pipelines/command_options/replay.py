"""The options of `replay` and of the replay template."""

import argparse

from pipelines.command_options.target import add_target_arguments
from pipelines.options import add_job_arguments, add_run_id, positive
from pipelines.replay.modes import MODES, SOURCES
from pipelines.replay.time_range import CLOCKS, PERIODS
from pipelines.runners.names import RUNNERS
from schemas.message import TOPICS


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
