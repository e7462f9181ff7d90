"""The options of the pipeline's steps, and the config that its graph is built from: one place for commands and templates."""

import getpass
import platform
import uuid
from dataclasses import dataclass, field

from pipelines.config import JobConfig
from pipelines.stores.target import Target
from pipelines.version import pipeline_version
from schemas.pseudonymize import key_version
from schemas.read_model.address import ReadModelAddress
from schemas.timestamps import to_datetime
from transforms.table_rows import Run


@dataclass(frozen=True, kw_only=True)
class JobOptions:
    """The options that every command with a graph takes (pipelines/options.py: add_job_arguments).

    Args:
        window_seconds: length of the fixed windows of counts, features and metrics.
        allowed_lateness_seconds: how long after its window an event still counts as on time.
        accept_cloudevents: whether CloudEvents 1.0 are decoded too.
        pii_key: key of the pseudonyms in analytics; None leaves the columns out.
        sink_retry_budget: seconds for which failed BigQuery writes are retried.
        bigquery_method: STORAGE_WRITE, STREAMING_INSERTS or FILE_LOADS.
        dead_letters_compression: of the dead letters' files: gzip or none.
        saga_timeout_minutes: minutes of event time after which a waiting order is stuck.
        saga_alerts_topic: projects/P/topics/T of published alerts; None publishes nothing.
        saga_retention_days: days of event time for which a streaming run keeps the saga of a closed order.
        read_model: the keyed read model; None: none is written.
    """

    window_seconds: int = 60
    allowed_lateness_seconds: int = 86_400
    accept_cloudevents: bool = False
    pii_key: bytes | None = field(default=None, repr=False)
    sink_retry_budget: float = 600.0
    bigquery_method: str = "STORAGE_WRITE"
    dead_letters_compression: str = "none"
    saga_timeout_minutes: int = 30
    saga_alerts_topic: str | None = None
    saga_retention_days: float = 30
    read_model: ReadModelAddress | None = None

    @property
    def pii_key_version(self) -> str | None:
        """The version of the key of pseudonyms; None without a key."""
        return key_version(self.pii_key)


def make_run_id(given: str | None, started: int) -> str:
    """Return the name that a run was given, else its start (UTC microseconds) and six random digits."""
    return given or f"{to_datetime(started):%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:6]}"


def make_job(
    options: JobOptions,
    target: Target,
    *,
    write_endpoint: str | None,
    run_id: str,
    started: int,
    temp: str | None = None,
) -> JobConfig:
    """Return the job's config on a target; its temporary files are beside the stores unless `temp` is given.

    Args:
        write_endpoint: host:port of the emulator's Storage Write API; None is Google's.
        started: start of the run, UTC microseconds.
    """
    if temp is None:
        beside = target.directory / ".work" if target.directory is not None else None
        temp = f"{beside or f'{target.lake}/.replay'}/{run_id}"
    return JobConfig(
        run=Run(run_id, started, pipeline_version()),
        lake=target.lake,
        temp=temp,
        project=target.project,
        event_store=target.event_store,
        analytics=target.analytics,
        write_endpoint=write_endpoint,
        window_seconds=options.window_seconds,
        lateness_seconds=options.allowed_lateness_seconds,
        accept_cloudevents=options.accept_cloudevents,
        pii_key=options.pii_key,
        sink_retry_budget_seconds=options.sink_retry_budget,
        bigquery_method=options.bigquery_method,
        dead_letters_compression=options.dead_letters_compression,
        saga_timeout_minutes=options.saga_timeout_minutes,
        saga_alerts_topic=options.saga_alerts_topic,
        saga_retention_days=options.saga_retention_days,
        read_model=options.read_model,
    )


def whoami() -> str:
    """Return the user and host of this process, for run records."""
    try:
        return f"{getpass.getuser()}@{platform.node()}"
    except (KeyError, OSError):  # a container without a user database
        return platform.node()
