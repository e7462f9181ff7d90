"""The options of the command `sagas`."""

import argparse

from pipelines.cli.output_formats import FORMATS
from pipelines.command_options.target import add_target_arguments
from pipelines.options import positive
from schemas.saga.transitions import CLOSED, OPEN

HELP = "Count orders by saga state, list stuck orders, or show one order."
STATES = tuple(state.value for state in (*OPEN, *CLOSED))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_target_arguments(parser)
    parser.add_argument(
        "--state", action="append", choices=STATES, help="list the orders in this state; may be repeated"
    )
    parser.add_argument("--stuck", action="store_true", help="list the stuck orders, the longest wait first")
    parser.add_argument("--order", metavar="ID", help="show the events, states and alerts of one order by time")
    parser.add_argument("--limit", type=positive, default=100, metavar="N", help="print at most N rows")
    parser.add_argument("--format", choices=FORMATS, default="table", help="table, json (one object per line) or csv")
