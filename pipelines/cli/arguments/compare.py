"""The options of the command `compare`."""

import argparse

from pipelines.command_options.target import add_target_arguments

HELP = "Print the differences between the live stores and a shadow, by table and key; exit 1 if there are any."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_target_arguments(parser)
    parser.add_argument("--into", required=True, metavar="DATASET", help="dataset of the shadow to compare with")
    parser.add_argument("--from", dest="start", metavar="T", help="only rows published at or after T, RFC 3339")
    parser.add_argument("--to", dest="end", metavar="T", help="only rows published before T, RFC 3339")
    parser.add_argument(
        "--tables", nargs="+", metavar="NAME", default=[], help="only these tables and views (default: all)"
    )
    parser.add_argument("--limit", type=int, default=20, metavar="N", help="print at most N differences per table")
