"""The options of the pipeline's steps, as parsed, and the object that steps take."""

from dataclasses import dataclass

from pipelines.job import JobOptions
from schemas.read_model.address import ReadModelAddress


@dataclass(frozen=True, kw_only=True)
class StepOptions:
    """The options that add_job_arguments adds, as parsed, except the key of personal data and the exit code."""

    window_seconds: int
    allowed_lateness_seconds: int
    accept_cloudevents: bool
    sink_retry_budget: float
    bigquery_method: str
    dead_letters_compression: str
    saga_timeout_minutes: int
    saga_alerts_topic: str | None
    read_model: ReadModelAddress | None = None


def job_options(options: StepOptions, pii_key: bytes | None) -> JobOptions:
    """Return the options of the pipeline's steps, with the key that was read."""
    return JobOptions(
        window_seconds=options.window_seconds,
        allowed_lateness_seconds=options.allowed_lateness_seconds,
        accept_cloudevents=options.accept_cloudevents,
        pii_key=pii_key,
        sink_retry_budget=options.sink_retry_budget,
        bigquery_method=options.bigquery_method,
        dead_letters_compression=options.dead_letters_compression,
        saga_timeout_minutes=options.saga_timeout_minutes,
        saga_alerts_topic=options.saga_alerts_topic,
        read_model=options.read_model,
    )
