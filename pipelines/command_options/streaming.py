"""The options of the streaming steps and of the subscriptions they read."""

import argparse

from pipelines.options import not_negative, positive
from transforms.defaults import BUCKETS_A_HORIZON, DEDUP_SHARDS, DISORDER_SECONDS

OPTION_OF = {"orders": "orders", "customers": "customers", "inventory": "inventory", "iot-events": "iot_events"}


def add_stream_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the streaming steps."""
    group = parser.add_argument_group("the streaming run")
    group.add_argument(
        "--disorder_seconds",
        type=not_negative_int,
        default=DISORDER_SECONDS,
        help="extra lateness of counts and features for out-of-order delivery, seconds",
    )
    group.add_argument(
        "--early_seconds",
        type=not_negative_int,
        default=0,
        help="write early panes of counts and features this long after the first new event, seconds; 0: none",
    )
    group.add_argument(
        "--dedup_horizon",
        type=horizon,
        default=3600,
        help=f"how long an event id is remembered, seconds, at least {BUCKETS_A_HORIZON}",
    )
    group.add_argument(
        "--dedup_shards",
        type=positive,
        help="number of keys of the deduplication state; more workers need more (default: 1 on this machine,"
        f" {DEDUP_SHARDS} on Dataflow)",
    )
    group.add_argument(
        "--flush_seconds", type=positive, default=60, help="write a file at the latest after this time, seconds"
    )
    group.add_argument("--flush_mb", type=positive, default=32, help="write a file at this size, MiB")
    group.add_argument(
        "--batch_messages", type=positive, default=1000, help="maximum number of messages per message batch"
    )
    group.add_argument(
        "--linger_ms",
        type=positive,
        default=250,
        help="maximum time that a message waits for a full message batch, milliseconds",
    )
    group.add_argument(
        "--max_in_flight",
        type=positive,
        default=20_000,
        help="stop pulling while this many messages are between source and tables; on Prism",
    )
    group.add_argument(
        "--max_in_flight_mb",
        type=positive,
        default=64,
        help="stop pulling while this many MiB of messages are between source and tables; on Prism",
    )
    group.add_argument(
        "--baseline_windows", type=positive, default=60, help="windows whose median is the normal throughput"
    )
    group.add_argument(
        "--max_messages", type=not_negative_int, default=0, metavar="N", help="end after N messages; 0: never"
    )
    group.add_argument(
        "--stop_after_idle",
        type=not_negative,
        default=0.0,
        metavar="S",
        help="end after S seconds in which the subscriptions answer and have no messages; 0: never",
    )


def not_negative_int(text: str) -> int:
    """Parse a whole number from 0."""
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 0")
    return value


def horizon(text: str) -> int:
    """Parse the horizon of deduplication in seconds: its buckets are whole seconds."""
    value = int(text)
    if value < BUCKETS_A_HORIZON:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from {BUCKETS_A_HORIZON}")
    return value


def add_subscription_arguments(parser: argparse.ArgumentParser) -> None:
    """Add one option per topic."""
    group = parser.add_argument_group("subscriptions (at least one; one per topic)")
    for topic, option in OPTION_OF.items():
        group.add_argument(f"--{option}", metavar="SUB", help=f"{topic}: a name, or projects/P/subscriptions/S")
    group.add_argument(
        "--pubsub_project", metavar="P", help="project of subscriptions given by name (--project, else local-dev)"
    )


def add_topic_check_argument(parser: argparse.ArgumentParser) -> None:
    """Add the option that turns the check of a subscription's topic off."""
    parser.add_argument(
        "--allow_topic_mismatch",
        action="store_true",
        help="accept a subscription whose topic has another name than its option, such as `sales` for --orders",
    )
