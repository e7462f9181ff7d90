"""The frozen config of the streaming steps."""

from collections.abc import Callable

from pydantic import BaseModel, ConfigDict, Field

from transforms.clock import Clock, wall_us
from transforms.defaults import BUCKETS_A_HORIZON, DEDUP_SHARDS, DISORDER_SECONDS
from transforms.sagas.history import SagaHistory
from transforms.windows.topic_monitor import AlertRules


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
    dedup_shards: int = Field(default=DEDUP_SHARDS, ge=1)
    flush_seconds: float = Field(default=60.0, gt=0)
    flush_bytes: int = Field(default=32 << 20, ge=1)
    alert_rules: AlertRules = AlertRules()
    clock: Clock = wall_us
    saga_history: SagaHistory | None = None
    interrupted: Callable[[], bool] | None = None


def drained() -> bool:
    """Return True: on a runner that ends no job by itself, the end of the input is an interruption."""
    return True
