"""The options of the command `serve`."""

import argparse

from pipelines.command_options.target import add_target_arguments
from services.api.options import add_arguments as add_api_arguments

HELP = "Serve the Analytics API v1: orders, customers, stock, sagas, figures, and POST /events (docs/api.md)."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_api_arguments(parser)
    add_target_arguments(parser)
