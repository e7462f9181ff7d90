"""The options of `stream`, as parsed: its subscriptions, the config of the streaming steps and the job's options."""

import re
from dataclasses import dataclass, replace

from pipelines.command_options.job_options import StepOptions, job_options
from pipelines.command_options.streaming import OPTION_OF
from pipelines.command_options.target_options import TargetOptions
from pipelines.errors import UserError
from pipelines.job import JobOptions
from pipelines.stream_config import StreamConfig, drained
from transforms.defaults import DEDUP_SHARDS
from transforms.sources.pulled_topics import TopicSubscription
from transforms.windows.topic_monitor import AlertRules

_PATH = re.compile(r"projects/[a-z0-9.:-]+/subscriptions/[A-Za-z][A-Za-z0-9._~+%-]{2,254}")


@dataclass(frozen=True, kw_only=True)
class SubscriptionOptions:
    """The options that add_subscription_arguments adds, as parsed, and the project of the stores."""

    orders: str | None
    customers: str | None
    inventory: str | None
    iot_events: str | None
    pubsub_project: str | None
    project: str | None

    def names(self) -> dict[str, str | None]:
        """Return the subscription that each topic's option names."""
        return {
            "orders": self.orders,
            "customers": self.customers,
            "inventory": self.inventory,
            "iot-events": self.iot_events,
        }


@dataclass(frozen=True, kw_only=True)
class StreamOptions(SubscriptionOptions, TargetOptions, StepOptions):
    """The options of `stream`, as parsed, that both the command and the template read."""

    project: str | None
    run_id: str | None
    saga_retention_days: float
    disorder_seconds: int
    early_seconds: int
    dedup_horizon: int
    dedup_shards: int | None
    flush_seconds: int
    flush_mb: int
    batch_messages: int
    linger_ms: int
    max_in_flight: int
    max_in_flight_mb: int
    baseline_windows: int
    max_messages: int
    stop_after_idle: float
    allow_topic_mismatch: bool


def subscriptions_of(options: SubscriptionOptions) -> list[TopicSubscription]:
    """Return the subscriptions that the options name; UserError if there is none or a name is malformed."""
    project = options.pubsub_project or options.project or "local-dev"
    subscriptions = []
    for topic, name in options.names().items():
        if name:
            path = name if "/" in name else f"projects/{project}/subscriptions/{name}"
            if not _PATH.fullmatch(path):
                option = OPTION_OF[topic]
                raise UserError(f"--{option} {name}: is not a subscription's name, nor projects/P/subscriptions/S")
            subscriptions.append(TopicSubscription(topic, path))
    if not subscriptions:
        raise UserError("--orders, --customers, --inventory, --iot_events: at least one subscription is needed")
    return subscriptions


def stream_job_options(options: StreamOptions, pii_key: bytes | None) -> JobOptions:
    """Return the options of the pipeline's steps in a streaming run, with the key that was read."""
    return replace(job_options(options, pii_key), saga_retention_days=options.saga_retention_days)


def stream_config(options: StreamOptions, topics: list[str], shards: int = DEDUP_SHARDS) -> StreamConfig:
    """Return the config of the streaming steps; UserError for a sink that only batch runs have.

    Args:
        shards: number of keys of the event ids' state, unless --dedup_shards gives one.
    """
    if options.bigquery_method == "FILE_LOADS":
        raise UserError("--bigquery_method FILE_LOADS: is for batch runs; a streaming run takes STORAGE_WRITE")
    return StreamConfig(
        topics=topics,
        disorder_seconds=options.disorder_seconds,
        early_seconds=options.early_seconds,
        dedup_horizon_seconds=options.dedup_horizon,
        dedup_shards=options.dedup_shards or shards,
        flush_seconds=options.flush_seconds,
        flush_bytes=options.flush_mb << 20,
        alert_rules=AlertRules(baseline_windows=options.baseline_windows),
        interrupted=drained,
    )
