"""The frozen request of a streaming run."""

from dataclasses import dataclass
from pathlib import Path

from google.cloud import bigquery

from pipelines.config import JobConfig
from pipelines.job import JobOptions
from pipelines.stores.target import Target
from pipelines.stream_config import StreamConfig
from transforms.sources.pulled_topics import TopicSubscription


@dataclass(frozen=True, kw_only=True)
class StreamRequest:
    """The options of a streaming run.

    Args:
        subscriptions: what to read; one per topic.
        target: the stores.
        options: options of the job's steps.
        config: options of the streaming steps.
        run_id: name of the run in every row.
        started: start of the run, UTC microseconds.
        prism: Prism's program; None: the streaming DirectRunner.
        allow_topic_mismatch: read subscriptions of topics that are not named after their option.
        batch_messages: messages per message batch.
        linger_seconds: how long messages may wait to become a batch.
        max_messages: end after so many messages; 0: never.
        stop_after_idle_seconds: end after so many seconds without messages; 0: never.
        max_in_flight: messages between source and tables.
        max_in_flight_bytes: the same in bytes.
    """

    subscriptions: list[TopicSubscription]
    target: Target
    options: JobOptions
    config: StreamConfig
    run_id: str
    started: int
    prism: Path | None
    allow_topic_mismatch: bool = False
    batch_messages: int = 1000
    linger_seconds: float = 0.25
    max_messages: int = 0
    stop_after_idle_seconds: float = 0.0
    max_in_flight: int = 20_000
    max_in_flight_bytes: int = 64 << 20


@dataclass(frozen=True, kw_only=True)
class FinishedStream:
    """A run that has ended, while its stores are still open.

    Args:
        client: a client of the target's BigQuery.
        job: the config of the job.
        counted: the counters of namespace `pipeline`.
    """

    client: bigquery.Client
    job: JobConfig
    counted: dict[str, int]
