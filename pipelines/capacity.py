"""Capacity model of `plan`: from events per second to workers, Streaming Engine, BigQuery, storage and exceeded limits.

Pure functions. `Measured` holds values measured on this project (docs/capacity.md describes how), `Limit` a default quota
that Google documents. The model computes units, not prices: prices change.
"""

import math
from dataclasses import dataclass

DAY_S = 86_400
GB = 1e9
SHARD_STATE_BYTES = 40e6
"""Target size of a shard of ids: a worker that takes over a shard reads all of it (half of Dataflow's 80 MB)."""


@dataclass(frozen=True)
class Measured:
    """Costs per event. CPU is that of the whole graph including sinks, on one core of the measuring machine."""

    cpu_seconds_per_million: float = 42.0
    """The difference between `local` runs of 400 k and 100 k simulated events, including the BigQuery emulator."""
    streaming_factor: float = 3.6
    """CPU of a streaming run relative to a batch run: state, timers, acknowledgements. Measured on Prism, not on Dataflow."""
    message_bytes: float = 521.0
    shuffle_bytes: float = 620.0
    """Rows shuffled to their shard of ids, and partial counts, features and sagas."""
    bigquery_bytes: float = 839.0
    """Logical bytes per event in all tables, in Arrow format."""
    lake_bytes: float = 646.0
    """Compressed bytes per event of archive, features, telemetry and dead letters."""
    state_bytes_per_id: float = 32.0
    """A packed id, its hash and its time."""


@dataclass(frozen=True)
class Load:
    """The input rate and the options that affect capacity. `rate` is in events per second."""

    rate: float
    window_seconds: int = 60
    dedup_horizon_seconds: int = 3600
    vcpus_per_worker: int = 2
    utilization: float = 0.6
    """Share of CPU that autoscaling aims at; the rest is for peaks and catching up."""
    append_rows: int = 500
    """Rows per append to BigQuery in a streaming run: those of one bundle and table."""


@dataclass(frozen=True)
class Limit:
    """One limit: the use at this rate, the default quota, and what to change if it is exceeded."""

    name: str
    use: float
    limit: float
    unit: str
    change: str

    @property
    def share(self) -> float:
        """The used share of the limit; above 1 it is exceeded."""
        return self.use / self.limit


@dataclass(frozen=True)
class Capacity:
    """The resources that a load needs."""

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
        """Return the exceeded limits, the highest share first."""
        return sorted((limit for limit in self.limits if limit.share > 1), key=lambda limit: -limit.share)


def capacity(load: Load, measured: Measured | None = None) -> Capacity:
    """Return the resources that a load needs.

    Raises:
        ValueError: the rate, the utilization or the vCPUs per worker are not positive.
    """
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
            "Pub/Sub, subscriber bytes per region", per_second["message_bytes"] / 1e6, 4000, "MB/s",
            "request more quota: 4 GB/s is the default of large regions, 600 MB/s of small ones",
        ),
        Limit(
            "Storage Write, bytes per project (multi-region)", per_second["bigquery_bytes"] / 1e6, 3000, "MB/s",
            "request more quota, omit unused typed tables, or increase --window_seconds",
        ),
        Limit(
            "Storage Write, bytes per project (one region)", per_second["bigquery_bytes"] / 1e6, 300, "MB/s",
            "place the datasets in EU or US, or request more quota",
        ),
        Limit(
            "Storage Write, connections per project (multi-region)", connections, 10_000, "connections",
            "multiplex the default streams, or use larger workers with fewer processes",
        ),
        Limit(
            "Storage Write, connections per project (one region)",
            connections,
            1_000,
            "connections",
            "place the datasets in EU or US, or use one dataset per topic in separate projects",
        ),
        Limit(
            "Streaming Engine, state of one shard of ids", state / shards / 1e6, 80, "MB",
            "increase --dedup_shards, or shorten --dedup_horizon: the views remove later duplicates",
        ),
        Limit(
            "one key: the busiest order, device or shard", load.rate / shards * core / 1e6, 0.6, "cores",
            "increase --dedup_shards; device features are combined per record batch before they are grouped",
        ),
        Limit("Dataflow, workers per job", workers, 4000, "workers", "use larger machine types, or one job per topic"),
    )  # fmt: skip
