"""The options of the command `stream-demo`."""

import argparse

from pipelines.options import positive

HELP = "Publish generated events to the Pub/Sub emulator, run the streaming pipeline on them, and show its metrics."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the demo."""
    parser.add_argument(
        "--output",
        default="build/stream-demo",
        metavar="DIR",
        help="folder for warehouse and lake; an earlier demo in it is deleted",
    )
    parser.add_argument("--rate", type=positive, default=500, help="messages per second, on average")
    parser.add_argument("--seconds", type=positive, default=60, help="how long events are published, seconds")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same events")
    parser.add_argument("--prism_location", metavar="FILE", help="Prism's program (default: PRISM, or the PATH)")
