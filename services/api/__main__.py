"""`python -m services.api`: the service without the pipelines, for its container image."""

import argparse
import sys

from services.api.options import ConfigError, add_arguments, config_of
from services.api.serve import serve


def main(argv: list[str] | None = None) -> int:
    """Serve; return the exit code: 2 for an option that is wrong."""
    parser = argparse.ArgumentParser(prog="python -m services.api", description="Serve the Analytics API v1.")
    add_arguments(parser)
    stores = parser.add_argument_group("BigQuery, for figures and records as of a time")
    stores.add_argument("--project", metavar="P", help="project of the datasets (default: no BigQuery)")
    stores.add_argument(
        "--event_store_dataset", dest="event_store", default="event_store", metavar="D", help="event store"
    )
    stores.add_argument("--analytics_dataset", dest="analytics", default="analytics", metavar="D", help="read side")
    args = parser.parse_args(argv)
    try:
        config = config_of(args)
        queries = None
        if config.project is not None:
            from google.cloud import bigquery

            from services.api.data.analytics import BigQueryQueries

            queries = BigQueryQueries(
                client=bigquery.Client(project=config.project),
                project=config.project,
                event_store=config.event_store,
                analytics=config.analytics,
                max_bytes_billed=config.max_bytes_billed,
            )
        return serve(config, queries)
    except ConfigError as error:
        print(f"python -m services.api: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
