"""The options of the command `replay`: those of the template, and the read model."""

import argparse

from pipelines.command_options.replay import add_arguments as add_replay_arguments
from pipelines.options import add_read_model_argument

HELP = "Process a range again, from the archive or the event store, into the live tables or into separate datasets."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_replay_arguments(parser)
    add_read_model_argument(parser)
