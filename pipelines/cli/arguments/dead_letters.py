"""The options of the command `dead-letters`."""

import argparse

from pipelines.cli.output_formats import FORMATS
from pipelines.command_options.target import add_target_arguments
from pipelines.replay.redrive.groups import GROUPS, STATES
from schemas.message import TOPICS

HELP = "List dead letters and rows that tables rejected, with their state, or show one: `dead-letters show ID`."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("show", nargs="*", metavar="show ID", help="show one dead letter and its redrives")
    add_target_arguments(parser)
    parser.add_argument("--codes", nargs="+", default=[], metavar="CODE", help="only these codes")
    parser.add_argument("--topics", nargs="+", choices=TOPICS, default=[], metavar="TOPIC", help="only these topics")
    parser.add_argument(
        "--states",
        nargs="+",
        choices=STATES,
        default=[],
        metavar="STATE",
        help=f"only these states: {', '.join(STATES)}",
    )
    parser.add_argument("--from", dest="start", metavar="T", help="only messages published at or after T, RFC 3339")
    parser.add_argument("--to", dest="end", metavar="T", help="only messages published before T, RFC 3339")
    parser.add_argument("--group_by", metavar="A,B", help=f"count by {', '.join(GROUPS)}")
    parser.add_argument(
        "--show_payload", action="store_true", help="with show: print the payload unmasked (it may be personal data)"
    )
    parser.add_argument("--limit", type=int, default=100, metavar="N", help="print at most N rows; 0: all")
    parser.add_argument("--format", choices=FORMATS, default="table", help="table, json (one object per line) or csv")
