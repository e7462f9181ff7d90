"""The command `serve`: the Analytics API over a read model, and over the stores of a folder or a project."""

import argparse
from contextlib import ExitStack

from pipelines.cli.parsed import target_of
from pipelines.errors import UserError
from pipelines.stores.open_stores import open_stores
from services.api.data.analytics import BigQueryQueries
from services.api.options import ConfigError, config_of
from services.api.serve import serve


def run(args: argparse.Namespace) -> int:
    """Serve until a signal ends the process."""
    with ExitStack() as stack:
        try:
            config = config_of(args, event_store=args.event_store_dataset, analytics=args.analytics_dataset)
            queries = None
            if args.output is not None or args.project is not None:
                target = target_of(args)
                endpoints = stack.enter_context(open_stores(target))
                queries = BigQueryQueries(
                    client=endpoints.bigquery,
                    project=target.project,
                    event_store=target.event_store,
                    analytics=target.analytics,
                    max_bytes_billed=config.max_bytes_billed if target.directory is None else None,
                )
            return serve(config, queries)
        except ConfigError as error:
            raise UserError(str(error)) from None
