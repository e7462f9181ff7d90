"""The options of the command `simulate`."""

import argparse

from pipelines.simulator import config as defaults

HELP = "Generate test messages of all topics and the expected results."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `simulate`."""
    parser.add_argument("--output", required=True, metavar="DIR", help="folder for <topic>.jsonl and truth.json")
    parser.add_argument(
        "--events", type=int, default=defaults.DEFAULT_EVENTS, metavar="N",
        help="number of messages, including duplicates and invalid ones (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--seed", type=int, default=defaults.DEFAULT_SEED, metavar="S",
        help="random seed; the same seed gives the same bytes (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--rate", type=float, metavar="R",
        help="average events per second of event time; stuck orders need a run of at least 8 hours "
        f"(default: {defaults.DEFAULT_RATE}, lower for a run that would be shorter than a day)",
    )  # fmt: skip
    for name, what in (
        ("dirty", "that must become dead letters, each error code in turn"),
        ("duplicates", "that are duplicates, within 20 minutes"),
        ("late", "that are published 3 minutes to 3 days after their event time"),
    ):
        parser.add_argument(
            f"--{name}", type=float, default=defaults.DEFAULT_SHARE, metavar="SHARE",
            help=f"share of the messages, 0 to 1, {what} (default: %(default)s)",
        )  # fmt: skip
    parser.add_argument(
        "--start", default=defaults.DEFAULT_START, metavar="TIME",
        help="first event time, RFC 3339 (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--event_bytes", type=int, default=defaults.DEFAULT_EVENT_BYTES, metavar="BYTES",
        help="target average size of an event in bytes, reached by the number of items per order (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--format", choices=defaults.FORMATS, default="messages",
        help="messages: one Pub/Sub message per line; events: one plain event per line, without message id and "
        "publish time (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--overwrite", action="store_true", help="replace the contents of a folder that is not empty")
