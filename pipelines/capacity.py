"""The arithmetic of `plan`: a rate of events to workers, Streaming Engine, BigQuery, storage, and the limits that bind.

Pure. `Measured` holds what was measured on this project (docs/capacity.md says how); `Limit` what Google documents as a
project's default quota. Prices are none of the model's: units are, and they stay true.
"""

import math
from dataclasses import dataclass

DAY_S = 86_400
GB = 1e9
SHARD_STATE_BYTES = 40e6
"""What a shard of ids should hold: a worker that takes a shard over reads it whole (half of Dataflow's 80 MB)."""


@dataclass(frozen=True)
class Measured:
    """Costs of one event. CPU is the whole graph's, sinks included, on one core of the measuring machine."""

    cpu_seconds_per_million: float = 42.0
    """`local`, 100 k to 400 k simulated events: the difference of both runs, BigQuery emulator included."""
    streaming_factor: float = 3.6
    """What streaming adds: state, timers, acknowledgements. Measured on Prism; no Dataflow run stands behind it."""
    message_bytes: float = 521.0
    shuffle_bytes: float = 620.0
    """Rows that go to their shard of ids, and partial counts, features and sagas."""
    bigquery_bytes: float = 839.0
    """Logical bytes of all tables an event, as Arrow holds them."""
    lake_bytes: float = 646.0
    """Archive, features, telemetry and dead letters, compressed, an event."""
    state_bytes_per_id: float = 32.0
    """A packed id, its hash, its time."""


@dataclass(frozen=True)
class Load:
    """What comes in."""

    rate: float
    window_seconds: int = 60
    dedup_horizon_seconds: int = 3600
    vcpus_per_worker: int = 2
    utilization: float = 0.6
    """CPU that autoscaling aims at; the rest is for peaks and catching up."""
    append_rows: int = 500
    """Rows in one append to BigQuery while streaming: a bundle's, a table's."""


@dataclass(frozen=True)
class Limit:
    """One limit: its use at this rate, what it is by default, what to change when it binds."""

    name: str
    use: float
    limit: float
    unit: str
    change: str

    @property
    def share(self) -> float:
        """How much of the limit is used; over 1 it binds."""
        return self.use / self.limit


@dataclass(frozen=True)
class Capacity:
    """What a rate needs."""

    load: Load
    vcpus: float
    workers: int
    shards: int
    pubsub_mb_s: float
    shuffle_mb_s: float
    bigquery_mb_s: float
    bigquery_tb_month: float
    lake_tb_month: float
    dedup_state_gb: float
    append_connections: int
    limits: tuple[Limit, ...]

    @property
    def binding(self) -> list[Limit]:
        """Return the limits that are over-used, the tightest first."""
        return sorted((one for one in self.limits if one.share > 1), key=lambda one: -one.share)


def capacity(load: Load, measured: Measured | None = None) -> Capacity:
    """Return what a load needs; ValueError for a load that is none."""
    measured = measured or Measured()
    for name in ("rate", "utilization", "vcpus_per_worker"):
        if not getattr(load, name) > 0:
            raise ValueError(f"{name} must be positive, got {getattr(load, name)}")
    vcpus = load.rate / 1e6 * measured.cpu_seconds_per_million * measured.streaming_factor / load.utilization
    workers = max(1, math.ceil(vcpus / load.vcpus_per_worker))
    tables = 8
    connections = math.ceil(workers * load.vcpus_per_worker) * tables
    per_second = {
        name: load.rate * getattr(measured, name) for name in ("message_bytes", "shuffle_bytes", "bigquery_bytes")
    }
    state = load.rate * load.dedup_horizon_seconds * 1.25 * measured.state_bytes_per_id
    shards = max(2, 2 * workers * load.vcpus_per_worker, math.ceil(state / SHARD_STATE_BYTES))
    month = 30 * DAY_S
    return Capacity(
        load=load,
        vcpus=vcpus,
        workers=workers,
        shards=shards,
        pubsub_mb_s=per_second["message_bytes"] / 1e6,
        shuffle_mb_s=per_second["shuffle_bytes"] / 1e6,
        bigquery_mb_s=per_second["bigquery_bytes"] / 1e6,
        bigquery_tb_month=per_second["bigquery_bytes"] * month / 1e12,
        lake_tb_month=load.rate * measured.lake_bytes * month / 1e12,
        dedup_state_gb=state / GB,
        append_connections=connections,
        limits=_limits(load, measured, workers, per_second, state, shards, connections),
    )


def _limits(
    load: Load,
    measured: Measured,
    workers: int,
    per_second: dict[str, float],
    state: float,
    shards: int,
    connections: int,
) -> tuple[Limit, ...]:
    core = measured.cpu_seconds_per_million * measured.streaming_factor
    return (
        Limit(
            "Pub/Sub, subscriber bytes a region", per_second["message_bytes"] / 1e6, 4000, "MB/s",
            "ask for more quota: a large region has 4 GB/s, a small one 600 MB/s",
        ),
        Limit(
            "Storage Write, bytes a project (multi-region)", per_second["bigquery_bytes"] / 1e6, 3000, "MB/s",
            "ask for more quota; leave out typed tables that nobody reads; send less: `--window_seconds`",
        ),
        Limit(
            "Storage Write, bytes a project (one region)", per_second["bigquery_bytes"] / 1e6, 300, "MB/s",
            "keep the datasets in EU or US, or ask for more quota",
        ),
        Limit(
            "Storage Write, connections a project (multi-region)", connections, 10_000, "connections",
            "multiplex the default streams, or larger workers with fewer processes",
        ),
        Limit(
            "Storage Write, connections a project (one region)",
            connections,
            1_000,
            "connections",
            "keep the datasets in EU or US; or a dataset a topic in projects of their own",
        ),
        Limit(
            "Streaming Engine, state of one shard of ids", state / shards / 1e6, 80, "MB",
            "more --dedup_shards, or a shorter --dedup_horizon: the views drop what it lets through",
        ),
        Limit(
            "one key: the hottest order, device or shard", load.rate / shards * core / 1e6, 0.6, "cores",
            "more --dedup_shards; a device's features are reduced in the batch before they meet a key",
        ),
        Limit("Dataflow, workers a job", workers, 4000, "workers", "larger machine types; a job a topic"),
    )  # fmt: skip
