"""The command `compare`: differences between the live read side and another, such as a shadow's, by key."""

import argparse
import json
import sys

from google.api_core.exceptions import GoogleAPICallError
from google.cloud import bigquery

from pipelines.cli.output_formats import cell
from pipelines.errors import RunFailed, UserError
from pipelines.options import parse_moment
from pipelines.replay.compare_features import compare_features
from pipelines.replay.comparison import Compared, all_compared
from pipelines.replay.shadow import shadow_target
from pipelines.stores.target import Target, add_target_arguments

HELP = "differences between the live stores and a shadow, by table and key; exit 1 if there are any"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_target_arguments(parser)
    parser.add_argument("--into", required=True, metavar="DATASET", help="the shadow to compare with")
    parser.add_argument("--from", dest="start", metavar="T", help="only rows published from here on (tables of events)")
    parser.add_argument("--to", dest="end", metavar="T", help="only rows published before (tables of events)")
    parser.add_argument(
        "--tables", nargs="+", metavar="NAME", default=[], help="only these tables and views (default: all)"
    )
    parser.add_argument("--limit", type=int, default=20, metavar="N", help="print at most N differences a table")


def run(args: argparse.Namespace) -> int:
    """Print what differs; 0 where nothing does."""
    target = Target.from_args(args)
    other = shadow_target(target, args.into)
    if (args.start is None) != (args.end is None):
        raise UserError("--from T --to T: give both or none")
    bounds = (parse_moment("from", args.start), parse_moment("to", args.end)) if args.start else None
    known = all_compared(ranged=bounds is not None)
    wanted = [one for one in known if not args.tables or one.name in args.tables]
    if unknown := set(args.tables) - {one.name for one in known}:
        names = ", ".join(one.name for one in known)
        raise UserError(f"--tables {' '.join(sorted(unknown))}: cannot be compared; there are {names}")
    total = 0
    with target.open() as endpoints:
        for one in wanted:
            try:
                total += _compare(endpoints.bigquery, one, target, other, bounds, args.limit)
            except GoogleAPICallError as error:
                raise RunFailed(f"--into {args.into}: {one.name} cannot be compared: {error.message}") from None
    if bounds is None and not args.tables:
        total += compare_features(target.lake, other.lake, args.limit)
    print(f"{total:,} differences" if total else "no differences", file=sys.stdout)
    return 1 if total else 0


def _compare(
    client: bigquery.Client, one: Compared, live: Target, other: Target, bounds: tuple[int, int] | None, limit: int
) -> int:
    rows, found = client.query(one.sql(live, other, bounds)).result(), 0
    for row in rows:
        found += 1
        if found <= limit:
            key = " ".join(f"{name}={cell(row[name])}" for name in one.key)
            ours, theirs = (json.loads(row[side]) if row[side] else None for side in ("live", "other"))
            print(f"{one.name} {key}: {_told(ours, theirs)}")
    counted = next(iter(client.query(one.count(live, bounds)).result())).n
    print(f"{one.name}: {counted:,} rows, {found:,} differ")
    return found


def _told(ours: dict[str, object] | None, theirs: dict[str, object] | None) -> str:
    if ours is None or theirs is None:
        return "only in the shadow" if ours is None else "only live"
    # Values of the event store are personal data: the names of the columns are enough to find them.
    return "differs in " + ", ".join(name for name in ours if ours[name] != theirs.get(name))
