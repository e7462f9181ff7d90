"""The options of the command `query`."""

import argparse

from pipelines.cli.output_formats import FORMATS
from pipelines.command_options.target import add_target_arguments
from schemas.views import all_views

HELP = "Read a view of the read side, current or as of a time, or run a SELECT."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_target_arguments(parser)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--view", metavar="VIEW", help=f"one of {', '.join(view_names())}")
    what.add_argument(
        "--sql",
        metavar="SQL",
        help="one SELECT on tables, views and the feeds of the lake (lake.iot_features), read only: DuckDB's SQL with "
        "--output, GoogleSQL with --project",
    )
    parser.add_argument("--as_of", metavar="T", help="use only events up to this time, such as 2026-06-15T12:00:00Z")
    parser.add_argument("--limit", type=int, default=100, metavar="N", help="print at most N rows; 0: all")
    parser.add_argument("--format", choices=FORMATS, default="table", help="table, json (one object per line) or csv")


def view_names() -> list[str]:
    """Return the names of all views."""
    return sorted({view.name for view in all_views()})
