"""The options of the command `forget`."""

import argparse

from pipelines.command_options.target import add_target_arguments
from pipelines.options import add_read_model_argument

HELP = "List the data of a customer, and delete it with --yes (docs/personal-data.md)."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_target_arguments(parser)
    parser.add_argument("--customer", required=True, metavar="ID", help="the customerId of the customer's events")
    parser.add_argument(
        "--yes", action="store_true", help="delete what is found; without this option the command only lists it"
    )
    add_read_model_argument(parser)
    parser.add_argument(
        "--request", metavar="NAME", help="your name of the request, kept in the record; no personal data"
    )
