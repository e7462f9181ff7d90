"""The options of the command `bigquery-emulator`."""

import argparse

from pipelines.bigquery_emulator.serve import add_arguments as add_emulator_arguments

HELP = "Serve BigQuery's APIs over a DuckDB file (docs/bigquery-emulator.md)."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_emulator_arguments(parser)
