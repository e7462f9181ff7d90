"""The command `settings`: show or change what all runs of a store must agree on."""

import argparse
from dataclasses import asdict

from pipelines.job import make_run_id
from pipelines.stores.change_settings import SettingsRequest, parse_change, show_or_change
from pipelines.stores.folder_lock import lock_folder
from pipelines.stores.target import Target, add_target_arguments
from transforms.clock import wall_us

HELP = "Show or change the settings of a store, in which all its runs must agree."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_target_arguments(parser)
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=SECONDS",
        help="record a new value of window_seconds or dedup_horizon_seconds, in seconds; views follow at once, rows of"
        " counts and features after `replay --mode rebuild` (default: only show the settings)",
    )


def run(args: argparse.Namespace) -> int:
    """Print the settings, after the change if one is given."""
    started = wall_us()
    request = SettingsRequest(
        target=Target.from_args(args),
        run_id=make_run_id(None, started),
        started=started,
        changes=dict(parse_change(text) for text in args.set),
    )
    directory = request.target.directory if request.changes else None
    with lock_folder(directory, "settings"), request.target.open() as endpoints:
        settings = show_or_change(endpoints, request)
    for name, value in asdict(settings).items():
        print(f"{name:<22} {'-' if value is None else value}")
    return 0
