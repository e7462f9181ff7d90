"""The options of the command `provision`."""

import argparse

from pipelines.command_options.target import add_target_arguments
from pipelines.options import add_read_model_argument
from schemas.tables.datasets import ANALYTICS, EVENT_STORE

HELP = "Create or update datasets, tables and views from schemas/."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_target_arguments(parser)
    add_read_model_argument(parser)
    parser.add_argument("--dry_run", action="store_true", help="print the plan and change nothing")
    parser.add_argument("--export", metavar="DIR", help="write JSON schemas and SQL for Terraform instead")
    parser.add_argument(
        "--window_seconds",
        type=int,
        metavar="S",
        help="width of the windows of event_counts_current, seconds (default: the store's, 60 for a new store)",
    )
    for dataset in (EVENT_STORE, ANALYTICS):
        parser.add_argument(
            f"--{dataset}_expiry_days",
            type=int,
            metavar="N",
            help=f"delete partitions of {dataset} after N days; 0: never (default: unchanged, never for new tables)",
        )
    parser.add_argument(
        "--allow_shorter_expiry", action="store_true", help="allow an expiry that deletes existing partitions"
    )
    parser.add_argument(
        "--policy_tag",
        action="append",
        metavar="NAME=RESOURCE",
        help="protect the columns of the policy tag NAME (payload) with projects/P/locations/L/taxonomies/T/policyTags/I",
    )
