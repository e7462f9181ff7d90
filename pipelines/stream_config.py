"""The options of the streaming steps, parsed once into one frozen config."""

import argparse
from collections.abc import Callable

from pydantic import BaseModel, ConfigDict, Field

from pipelines.errors import UserError
from pipelines.options import not_negative, positive
from transforms.clock import Clock, wall_us
from transforms.deduplicate.stream import BUCKETS_A_HORIZON
from transforms.sagas.history import SagaHistory
from transforms.windows.counts_stream import DISORDER_SECONDS
from transforms.windows.topic_monitor import AlertRules

SHARDS = 2


class StreamConfig(BaseModel):
    """The values that the streaming steps need in addition to JobConfig's.

    Args:
        topics: short names of the topics that are read.
        disorder_seconds: extra lateness of counts and features for out-of-order delivery.
        early_seconds: early panes of counts and features after this long; 0: none.
        dedup_horizon_seconds: how long an event id is remembered, in publish time.
        dedup_shards: number of keys of the event ids' state.
        flush_seconds: a file is written after this long.
        flush_bytes: or after this size.
        alert_rules: when the pipeline's own metrics raise alerts.
        clock: the wall clock, UTC microseconds.
        saga_history: the sagas to begin with if the runner's state ended with the last run.
        interrupted: called at the end of the input: whether the run was stopped. None: the input really ended.
    """

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    topics: list[str]
    disorder_seconds: int = Field(default=DISORDER_SECONDS, ge=0)
    early_seconds: int = Field(default=0, ge=0)
    dedup_horizon_seconds: int = Field(default=3600, ge=BUCKETS_A_HORIZON)
    dedup_shards: int = Field(default=SHARDS, ge=1)
    flush_seconds: float = Field(default=60.0, gt=0)
    flush_bytes: int = Field(default=32 << 20, ge=1)
    alert_rules: AlertRules = AlertRules()
    clock: Clock = wall_us
    saga_history: SagaHistory | None = None
    interrupted: Callable[[], bool] | None = None


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
        help=f"keys of the event ids' state; more for more workers (default: 1 on this machine, {SHARDS} on Dataflow)",
    )
    group.add_argument("--flush_seconds", type=positive, default=60, help="write a file after this time, seconds")
    group.add_argument("--flush_mb", type=positive, default=32, help="or after this size, MiB")
    group.add_argument("--batch_messages", type=positive, default=1000, help="messages per message batch, at most")
    group.add_argument(
        "--linger_ms", type=positive, default=250, help="how long messages may wait to become a batch, milliseconds"
    )
    group.add_argument(
        "--max_in_flight",
        type=positive,
        default=20_000,
        help="pull no more while this many messages are between source and tables; on Prism",
    )
    group.add_argument(
        "--max_in_flight_mb",
        type=positive,
        default=64,
        help="pull no more while this many MiB of messages are between source and tables; on Prism",
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


def drained() -> bool:
    """Return True: on a runner that ends no job by itself, the end of the input is an interruption."""
    return True


def stream_config(args: argparse.Namespace, topics: list[str], shards: int = SHARDS) -> StreamConfig:
    """Return the config of the parsed options; UserError for a sink that only batch runs have."""
    if args.bigquery_method == "FILE_LOADS":
        raise UserError("--bigquery_method FILE_LOADS: is for batch runs; a streaming run takes STORAGE_WRITE")
    return StreamConfig(
        topics=topics,
        disorder_seconds=args.disorder_seconds,
        early_seconds=args.early_seconds,
        dedup_horizon_seconds=args.dedup_horizon,
        dedup_shards=args.dedup_shards or shards,
        flush_seconds=args.flush_seconds,
        flush_bytes=args.flush_mb << 20,
        alert_rules=AlertRules(baseline_windows=args.baseline_windows),
        interrupted=drained,
    )
