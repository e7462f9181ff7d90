"""The command `compare`: print the differences between the live stores and a shadow, by table and key."""

import argparse

from pipelines.cli.output_formats import cell
from pipelines.cli.parsed import target_of
from pipelines.errors import UserError
from pipelines.options import parse_moment
from pipelines.replay.compare.run import CompareRequest, compare
from pipelines.replay.compare.tables import TableComparison
from pipelines.stores.upgrade import open_for_reading
from pipelines.terminal_text import escape


def run(args: argparse.Namespace) -> int:
    """Print what differs; 0 if nothing does."""
    request = compare_request(args)
    total = 0
    with open_for_reading(request.target) as endpoints:
        for table in compare(endpoints, request):
            for difference in table.differences:
                key = " ".join(f"{name}={cell(value)}" for name, value in difference.key.items())
                print(escape(f"{table.name} {key}: {difference.what}"))
            print(f"{table.name}: {table.rows:,} rows, {table.differing:,} differ{several_runs(table)}")
            total += table.differing
    print(f"{total:,} differences" if total else "no differences")
    return 1 if total else 0


def several_runs(table: TableComparison) -> str:
    """Return the notes on keys that several runs wrote, and on those of another key of pseudonyms."""
    notes = ""
    if table.partial:
        notes += (
            f"; not counted: {table.partial:,} keys that several runs wrote, each from the messages that it read"
            " (`replay --mode rebuild` computes them from all)"
        )
    if table.rekeyed:
        notes += f"; not counted: {table.rekeyed:,} keys whose pseudonyms were made with another key"
    return notes


def compare_request(args: argparse.Namespace) -> CompareRequest:
    """Return the request of parsed options."""
    if (args.start is None) != (args.end is None):
        raise UserError("--from T --to T: give both or none")
    bounds = (parse_moment("from", args.start), parse_moment("to", args.end)) if args.start else None
    return CompareRequest(target_of(args), args.into, bounds, tuple(args.tables), args.limit)
