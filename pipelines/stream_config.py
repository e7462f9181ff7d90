"""What only a live run is told, parsed once into one frozen config."""

import argparse
from collections.abc import Callable

from pydantic import BaseModel, ConfigDict, Field

from pipelines.errors import UserError
from pipelines.options import not_negative, positive
from transforms.clock import Clock, wall_us
from transforms.sagas.history import SagaHistory
from transforms.windows.counts_stream import DISORDER_SECONDS
from transforms.windows.topic_monitor import AlertRules

SHARDS = 2


class StreamConfig(BaseModel):
    """The values that the steps of a live run need beside JobConfig's. `topics` are those that are read."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    topics: list[str]
    disorder_seconds: int = Field(default=DISORDER_SECONDS, ge=0)
    early_seconds: int = Field(default=0, ge=0)
    dedup_horizon_seconds: int = Field(default=3600, ge=4)
    dedup_shards: int = Field(default=SHARDS, ge=1)
    flush_seconds: float = Field(default=60.0, gt=0)
    flush_bytes: int = Field(default=32 << 20, ge=1)
    alert_rules: AlertRules = AlertRules()
    clock: Clock = wall_us
    saga_history: SagaHistory | None = None
    """What sagas begin with where the runner's state died with the last run."""
    interrupted: Callable[[], bool] | None = None
    """Tells, at the end of the input, whether it is one or the run was stopped; None: it is one."""


def add_stream_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the streaming steps can be told."""
    group = parser.add_argument_group("the live run")
    group.add_argument(
        "--disorder_seconds",
        type=not_negative_int,
        default=DISORDER_SECONDS,
        help="counts and features are kept this much longer than the lateness: how far the bus may mix up messages, seconds",
    )
    group.add_argument(
        "--early_seconds",
        type=not_negative_int,
        default=0,
        help="counts and features of an open window are given so long after something came, seconds; 0: at its end",
    )
    group.add_argument("--dedup_horizon", type=positive, default=3600, help="how long an id is remembered, seconds")
    group.add_argument(
        "--dedup_shards",
        type=positive,
        help=f"keys of the ids' state; more for more workers (default: 1 on this machine, {SHARDS} on Dataflow)",
    )
    group.add_argument("--flush_seconds", type=positive, default=60, help="files are written after this time, seconds")
    group.add_argument("--flush_mb", type=positive, default=32, help="or after this size, MiB")
    group.add_argument("--batch_messages", type=positive, default=1000, help="messages in a batch, at most")
    group.add_argument(
        "--linger_ms", type=positive, default=250, help="how long messages may wait to become a batch, milliseconds"
    )
    group.add_argument(
        "--max_in_flight",
        type=positive,
        default=20_000,
        help="while so many messages are between source and tables, no more are taken; on Prism",
    )
    group.add_argument(
        "--baseline_windows", type=positive, default=60, help="windows whose median is the normal throughput"
    )
    group.add_argument(
        "--max_messages", type=not_negative_int, default=0, metavar="N", help="end after N messages; 0: never"
    )
    group.add_argument(
        "--stop_after_idle", type=not_negative, default=0.0, metavar="S", help="end after S silent seconds; 0: never"
    )


def not_negative_int(text: str) -> int:
    """Parse a whole number from 0."""
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 0")
    return value


def drained() -> bool:
    """Say what the end of the input is on a runner that ends no job by itself: an interruption."""
    return True


def stream_config(args: argparse.Namespace, topics: list[str], shards: int = SHARDS) -> StreamConfig:
    """Return the config that the options say; UserError for a sink that only bounded runs have."""
    if args.bigquery_method == "FILE_LOADS":
        raise UserError("--bigquery_method FILE_LOADS: is for bounded runs; a live run takes STORAGE_WRITE")
    return StreamConfig(
        topics=topics,
        disorder_seconds=args.disorder_seconds,
        early_seconds=args.early_seconds,
        dedup_horizon_seconds=max(4, args.dedup_horizon),
        dedup_shards=args.dedup_shards or shards,
        flush_seconds=args.flush_seconds,
        flush_bytes=args.flush_mb << 20,
        alert_rules=AlertRules(baseline_windows=args.baseline_windows),
        interrupted=drained,
    )
