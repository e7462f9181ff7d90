"""The streaming pipeline on Pub/Sub messages: the steps of batch.py in their streaming forms."""

from typing import Any

import apache_beam as beam

from pipelines.config import JobConfig
from pipelines.sinks import append_rows_streaming
from pipelines.stream_config import StreamConfig
from schemas.registry import REGISTRY, Registry
from transforms.coders import use_sized_coders
from transforms.decode.decode import DecodeMessages
from transforms.deduplicate.stream import DeduplicateStream
from transforms.in_flight import SettleRows
from transforms.sagas.publish_alerts import PublishSagaAlerts
from transforms.sagas.stream import AlertedRows, TrackSagasStream
from transforms.sinks.dead_letter_rows import DeadLetterRows
from transforms.sinks.failed_rows_to_dead_letters import FailedToDeadLetters, UndeliveredRows
from transforms.sinks.files.feeds import FEEDS
from transforms.sinks.files.write_files_stream import WriteDeadLettersStream, WriteFeedStream
from transforms.sinks.iceberg.commit_stream import CommitWindows
from transforms.sinks.read_model.write import WriteReadModel
from transforms.table_rows import ToRows
from transforms.windows.counts_stream import CountEventsStream
from transforms.windows.features_stream import DeviceFeaturesStream
from transforms.windows.pipeline_metrics_stream import MeasureStream


def build(
    pipeline: beam.Pipeline,
    source: beam.PTransform[Any, Any],
    job: JobConfig,
    config: StreamConfig,
    registry: Registry = REGISTRY,
) -> None:
    """Build the pipeline on a source of message batches that writes the archive itself.

    Args:
        pipeline: the pipeline to add the steps to.
        source: an unbounded source of message batches.
        job: options of the job.
        config: options of the streaming steps.
        registry: the event types.
    """
    use_sized_coders()
    run, window, lateness = job.run, job.window_seconds, job.lateness_seconds

    messages = pipeline | "ReadMessages" >> source
    decoded = messages | "DecodeMessages" >> DecodeMessages(
        as_of=run.started,
        window_seconds=window,
        registry=registry,
        accept_cloudevents=job.accept_cloudevents,
        pii_key=job.pii_key,
    )
    events = decoded.events | "Deduplicate" >> DeduplicateStream(
        run_id=run.run_id,
        window_seconds=window,
        lateness_seconds=lateness,
        horizon_seconds=config.dedup_horizon_seconds,
        shards=config.dedup_shards,
        registry=registry,
        clock=config.clock,
    )
    dead = (decoded.dead, events.dead) | "AllDeadLetters" >> beam.Flatten()
    write_feeds(events.events, job, config)

    rows = (
        events.stored | "ToRows" >> ToRows(run=run, registry=registry),
        *track_sagas(events.events, job, config),
        dead | "DeadLetterRows" >> DeadLetterRows(run=run),
    )
    metrics = (decoded.measured, events.measured) | "MeasurePipeline" >> MeasureStream(
        run_id=run.run_id,
        window_seconds=window,
        topics=config.topics,
        started=run.started,
        rules=config.alert_rules,
        clock=config.clock,
    )
    append_and_write_dead_letters(rows, dead, job, config)
    append_sums((count_events(events.events, job, config), metrics), job, config)


def write_feeds(events: beam.PCollection[Any], job: JobConfig, config: StreamConfig) -> None:
    """Write the feeds and the device features into the lake, and commit them to its Iceberg tables if it has a catalog."""
    files = [
        events
        | f"Write{feed.label}"
        >> WriteFeedStream(
            feed=feed,
            root=job.lake,
            run_id=job.run.run_id,
            flush_seconds=config.flush_seconds,
            flush_bytes=config.flush_bytes,
        )
        for feed in FEEDS
    ]
    features = events | "DeviceFeatures" >> DeviceFeaturesStream(
        root=job.lake,
        run_id=job.run.run_id,
        window_seconds=job.window_seconds,
        lateness_seconds=job.lateness_seconds,
        disorder_seconds=config.disorder_seconds,
        early_seconds=config.early_seconds,
    )
    if job.iceberg is not None:
        (
            (*files, features)
            | "AllFiles" >> beam.Flatten()
            | "CommitWindows" >> CommitWindows(settings=job.iceberg, root=job.lake, run_id=job.run.run_id)
        )


def track_sagas(
    events: beam.PCollection[Any], job: JobConfig, config: StreamConfig
) -> tuple[beam.PCollection[Any], beam.PCollection[Any]]:
    """Return the rows of sagas and the rows of their alerts; publish the alerts if the job has a topic for them."""
    sagas = events | "TrackSagas" >> TrackSagasStream(
        run_id=job.run.run_id,
        timeout_us=job.saga_timeout_us,
        retention_us=job.saga_retention_us,
        history=config.saga_history,
        interrupted=config.interrupted,
        clock=config.clock,
    )
    alerted = sagas.alerted
    if job.saga_alerts_topic:
        alerted = alerted | "PublishSagaAlerts" >> PublishSagaAlerts(topic=job.saga_alerts_topic)
    return sagas.rows, alerted | "AlertedRows" >> AlertedRows(run_id=job.run.run_id)


def count_events(events: beam.PCollection[Any], job: JobConfig, config: StreamConfig) -> beam.PCollection[Any]:
    """Return the rows of event counts per window."""
    return events | "CountEvents" >> CountEventsStream(
        run_id=job.run.run_id,
        window_seconds=job.window_seconds,
        lateness_seconds=job.lateness_seconds,
        disorder_seconds=config.disorder_seconds,
        early_seconds=config.early_seconds,
    )


def append_and_write_dead_letters(
    rows: tuple[beam.PCollection[Any], ...], dead: beam.PCollection[Any], job: JobConfig, config: StreamConfig
) -> None:
    """Append rows to BigQuery; write dead letters and rejected rows to the dead-letter files."""
    rows, rejected = write_read_model(rows, job)
    appended = rows | "AppendRows" >> append_rows_streaming(job)
    appended | "SettleRows" >> SettleRows(run_id=job.run.run_id)
    failed = (appended.failed, *rejected) | "AllFailedRows" >> beam.Flatten() if rejected else appended.failed
    undelivered = failed | "FailedRows" >> FailedToDeadLetters(
        root=job.lake, run=job.run, compression=job.dead_letters_compression
    )
    (
        (dead, undelivered)
        | "AllRefused" >> beam.Flatten()
        | "WriteDeadLetters"
        >> WriteDeadLettersStream(
            root=job.lake,
            run=job.run,
            compression=job.dead_letters_compression,
            flush_seconds=config.flush_seconds,
            flush_bytes=config.flush_bytes,
        )
    )


def write_read_model(
    rows: tuple[beam.PCollection[Any], ...], job: JobConfig
) -> tuple[tuple[beam.PCollection[Any], ...], tuple[beam.PCollection[Any], ...]]:
    """Write the keyed read model if the job has one; return the rows with those of its dead letters, and what it rejected."""
    if job.read_model is None:
        return rows, ()
    rejected = rows | "WriteReadModel" >> WriteReadModel(
        address=job.read_model, retry_budget_seconds=job.sink_retry_budget_seconds
    )
    return (*rows, rejected | "RejectedByReadModel" >> UndeliveredRows(run=job.run)), (rejected,)


def append_sums(sums: tuple[beam.PCollection[Any], ...], job: JobConfig, config: StreamConfig) -> None:
    """Append counts and metrics to BigQuery through a separate sink.

    An accumulating window delays the watermark of the steps after it until its allowed lateness has passed. In a shared
    sink it would delay the flush of files too.
    """
    appended = sums | "AllSums" >> beam.Flatten() | "AppendSums" >> append_rows_streaming(job)
    (
        appended.failed
        | "FailedSums" >> FailedToDeadLetters(root=job.lake, run=job.run, compression=job.dead_letters_compression)
        | "WriteFailedSums"
        >> WriteDeadLettersStream(
            root=job.lake,
            run=job.run,
            compression=job.dead_letters_compression,
            flush_seconds=config.flush_seconds,
            flush_bytes=config.flush_bytes,
        )
    )
