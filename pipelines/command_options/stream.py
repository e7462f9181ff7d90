"""The options of `stream` and of the streaming template."""

import argparse

from pipelines.command_options.streaming import (
    add_stream_arguments,
    add_subscription_arguments,
    add_topic_check_argument,
)
from pipelines.command_options.target import add_target_arguments
from pipelines.options import add_job_arguments, add_read_model_argument, add_saga_retention, run_name

RUNNERS = ("PrismRunner", "DirectRunner")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `stream`."""
    add_subscription_arguments(parser)
    add_topic_check_argument(parser)
    add_target_arguments(parser)
    add_stream_arguments(parser)
    add_job_arguments(parser)
    add_saga_retention(parser)
    add_read_model_argument(parser)
    parser.add_argument("--runner", choices=RUNNERS, default=RUNNERS[0], help="the Beam runner")
    parser.add_argument("--prism_location", metavar="FILE", help="Prism's program (default: PRISM, or the PATH)")
    parser.add_argument(
        "--run_id", type=run_name, help="name of the run in every row (default: its start and six random digits)"
    )
