"""The command `sagas`: count orders by saga state, list orders, or show the timeline of one order."""

import argparse
import sys

from google.api_core.exceptions import GoogleAPICallError, NotFound

from pipelines.cli.output_formats import write_rows
from pipelines.cli.parsed import target_of
from pipelines.entities.sagas import count_sagas, list_sagas, order_timeline, saga_view
from pipelines.errors import RunFailed, UserError
from pipelines.stores.upgrade import open_for_reading


def run(args: argparse.Namespace) -> int:
    """Print the number of orders per state, a list of orders, or the timeline of one order."""
    if args.order and (args.state or args.stuck):
        raise UserError(f"--order {args.order}: shows one order; it does not go with --state or --stuck")
    target = target_of(args)
    with open_for_reading(target) as endpoints:
        try:
            if args.order:
                found = order_timeline(endpoints.bigquery, target, args.order)
            elif args.state or args.stuck:
                found = list_sagas(endpoints.bigquery, target, args.state or [], stuck=args.stuck, limit=args.limit + 1)
            else:
                found = count_sagas(endpoints.bigquery, target)
        except NotFound as error:
            raise RunFailed(f"{saga_view(target)}: does not exist; `provision` creates it ({error.message})") from error
        except GoogleAPICallError as error:
            raise RunFailed(f"{saga_view(target)}: {error.message}") from error
    printed, more = write_rows(args.format, found.columns, found.rows, args.limit, sys.stdout)
    if more:
        print(f"the first {printed} rows; --limit prints more", file=sys.stderr)
    return 0
