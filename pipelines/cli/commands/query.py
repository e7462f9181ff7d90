"""The command `query`: read a view of the read side, current or as of an event time."""

import argparse
import sys

from google.api_core.exceptions import GoogleAPICallError, NotFound

from pipelines.cli.output_formats import FORMATS, write_rows
from pipelines.errors import RunFailed, UserError
from pipelines.options import parse_moment
from pipelines.stores.target import Target, add_target_arguments
from pipelines.stores.upgrade import open_for_reading
from pipelines.suggest import did_you_mean
from schemas.timestamps import to_rfc3339
from schemas.views import View, all_views, find_view

HELP = "read a view of the read side, current or as of a time"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_target_arguments(parser)
    parser.add_argument("--view", required=True, metavar="VIEW", help=f"one of {', '.join(_names())}")
    parser.add_argument("--as_of", metavar="T", help="use only events up to this time, such as 2026-06-15T12:00:00Z")
    parser.add_argument("--limit", type=int, default=100, metavar="N", help="print at most N rows; 0: all")
    parser.add_argument("--format", choices=FORMATS, default="table", help="table, json (one object per line) or csv")


def run(args: argparse.Namespace) -> int:
    """Print a view's rows in the order of its key."""
    target = Target.from_args(args)
    view = _view(args.view)
    if args.limit < 0:
        raise UserError(f"--limit {args.limit}: must be 0 (all) or more")
    sql = select(view, target, _as_of(args.as_of, view), args.limit + 1 if args.limit else 0)
    with open_for_reading(target) as endpoints:
        try:
            result = endpoints.bigquery.query(sql).result()
            columns = [field.name for field in result.schema]
            printed, more = write_rows(args.format, columns, (row.values() for row in result), args.limit, sys.stdout)
        except NotFound as error:
            name = f"{target.dataset(view.dataset)}.{view.name}"
            raise RunFailed(f"{name}: does not exist; `provision` creates it ({error.message})") from error
        except GoogleAPICallError as error:
            raise RunFailed(f"--view {args.view}: {error.message}") from error
    if more:
        print(f"the first {printed} rows; --limit 0 prints all", file=sys.stderr)
    return 0


def select(view: View, target: Target, as_of: str | None, limit: int = 0) -> str:
    """Return the query of a view's rows in the order of its key; `as_of` is RFC 3339 in UTC, limit 0 is all."""
    name = view.name if as_of is None else f"{view.function}"
    source = f"`{target.project}`.`{target.dataset(view.dataset)}`.`{name}`"
    if as_of is not None:
        source += f"(TIMESTAMP '{as_of}')"
    return f"SELECT * FROM {source} ORDER BY {', '.join(view.key)}" + (f" LIMIT {limit}" if limit else "")


def _names() -> list[str]:
    return sorted({view.name for view in all_views()})


def _view(name: str) -> View:
    view = find_view(name)
    if view is None:
        hint = did_you_mean(name, _names()) or f"; one of {', '.join(_names())}"
        raise UserError(f"--view {name}: no such view{hint}")
    return view


def _as_of(text: str | None, view: View) -> str | None:
    if text is None:
        return None
    if not view.function:
        raise UserError(f"--as_of {text}: {view.name} has no history; it has only the newest rows")
    return to_rfc3339(parse_moment("as_of", text))
