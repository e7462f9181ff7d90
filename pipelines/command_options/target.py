"""The options that locate the stores, for every command that reads or writes them."""

import argparse

from schemas.tables.datasets import ANALYTICS, EVENT_STORE


def add_target_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that locate the stores."""
    group = parser.add_argument_group("location of the stores (--output or --project)")
    group.add_argument("--output", metavar="DIR", help="a folder: DIR/warehouse.duckdb and DIR/lake")
    group.add_argument("--project", metavar="P", help="a Google Cloud project")
    group.add_argument("--event_store_dataset", default=EVENT_STORE, metavar="D", help="dataset of the event store")
    group.add_argument("--analytics_dataset", default=ANALYTICS, metavar="D", help="dataset of the read side")
    group.add_argument("--lake", metavar="gs://BUCKET[/FOLDER]", help="root of the files (with --project)")
    group.add_argument("--location", metavar="L", help="location of the BigQuery datasets, such as EU (with --project)")
