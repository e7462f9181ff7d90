"""The options of the command `settings`."""

import argparse

from pipelines.command_options.target import add_target_arguments

HELP = "Show or change the settings of a store, which all its runs share."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_target_arguments(parser)
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="record a new value of window_seconds or dedup_horizon_seconds, in seconds, or of pii_key_version; views follow"
        " at once, rows of counts, features and pseudonyms after `replay --mode rebuild` (default: only show the settings)",
    )
