"""The options of the command `history`."""

import argparse

from pipelines.command_options.target import add_target_arguments

HELP = "Print the events of one order, customer, device or correlation id in order, and what each changed."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_target_arguments(parser)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--order", metavar="ID", help="id of an order: its own events, its payments and its stock")
    which.add_argument("--customer", metavar="ID", help="id of a customer")
    which.add_argument("--device", metavar="ID", help="id of a device")
    which.add_argument("--correlation", metavar="UUID", help="all events of this correlation id")
    parser.add_argument("--limit", type=int, default=1000, metavar="N", help="print at most the newest N events")
    parser.add_argument(
        "--format", choices=("tree", "json"), default="tree", help="tree: indented by cause; json: one object per line"
    )
