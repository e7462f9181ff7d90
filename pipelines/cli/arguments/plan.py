"""The options of the command `plan`."""

import argparse

from pipelines.capacity import Measured
from pipelines.options import positive

HELP = "Estimate workers, Streaming Engine, BigQuery and storage for an event rate, and the limits it exceeds."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    measured = Measured()
    add = parser.add_argument
    add(
        "--rate",
        type=float,
        nargs="+",
        default=[1_000.0, 100_000.0, 1_000_000.0],
        metavar="R",
        help="rates in events per second",
    )
    add("--vcpus_per_worker", type=positive, default=2, help="vCPUs of the machine type")
    add("--utilization", type=float, default=0.6, help="CPU utilization that autoscaling targets, 0 to 1")
    add("--dedup_horizon", type=positive, default=3600, help="how long event ids are kept for deduplication, seconds")
    add("--cpu_per_million", type=float, default=measured.cpu_seconds_per_million,
        help="CPU seconds per million events, as printed by `local`")  # fmt: skip
    add(
        "--streaming_factor",
        type=float,
        default=measured.streaming_factor,
        help="CPU of a streaming run relative to a batch run (measured on Prism)",
    )
    add("--message_bytes", type=float, default=measured.message_bytes, help="size of a message, bytes")
    add("--format", choices=("table", "json"), default="table", help="output format")
