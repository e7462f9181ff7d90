"""The main job over Pub/Sub messages: the steps of batch.py in their streaming forms. Logic is in the steps."""

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
from transforms.sinks.failed_rows_to_dead_letters import FailedToDeadLetters
from transforms.sinks.files.feeds import FEEDS
from transforms.sinks.files.write_files_stream import WriteDeadLettersStream, WriteFeedStream
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
    """Build the main job on a source of message batches that writes the archive itself.

    Args:
        pipeline: the pipeline to add the steps to.
        source: yields message batches, without end.
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

    for feed in FEEDS:
        _ = events.events | f"Write{feed.label}" >> WriteFeedStream(
            feed=feed,
            root=job.lake,
            run_id=run.run_id,
            flush_seconds=config.flush_seconds,
            flush_bytes=config.flush_bytes,
        )
    _ = events.events | "DeviceFeatures" >> DeviceFeaturesStream(
        root=job.lake,
        run_id=run.run_id,
        window_seconds=window,
        lateness_seconds=lateness,
        disorder_seconds=config.disorder_seconds,
        early_seconds=config.early_seconds,
    )

    sagas = events.events | "TrackSagas" >> TrackSagasStream(
        run_id=run.run_id,
        timeout_us=job.saga_timeout_us,
        retention_us=job.saga_retention_us,
        history=config.saga_history,
        interrupted=config.interrupted,
        clock=config.clock,
    )
    alerted = sagas.alerted
    if job.saga_alerts_topic:
        alerted = alerted | "PublishSagaAlerts" >> PublishSagaAlerts(topic=job.saga_alerts_topic)

    stored = events.stored | "ToRows" >> ToRows(run=run, registry=registry)
    counts = events.events | "CountEvents" >> CountEventsStream(
        run_id=run.run_id,
        window_seconds=window,
        lateness_seconds=lateness,
        disorder_seconds=config.disorder_seconds,
        early_seconds=config.early_seconds,
    )
    metrics = (decoded.measured, events.measured) | "MeasurePipeline" >> MeasureStream(
        run_id=run.run_id,
        window_seconds=window,
        topics=config.topics,
        started=run.started,
        rules=config.alert_rules,
        clock=config.clock,
    )
    alerts = alerted | "AlertedRows" >> AlertedRows(run_id=run.run_id)
    letters = dead | "DeadLetterRows" >> DeadLetterRows(run=run)
    appended = (stored, sagas.rows, alerts, letters) | "AppendRows" >> append_rows_streaming(job)
    appended | "SettleRows" >> SettleRows(run_id=run.run_id)
    undelivered = appended.failed | "FailedRows" >> FailedToDeadLetters(root=job.lake, run=run)
    (
        (dead, undelivered)
        | "AllRefused" >> beam.Flatten()
        | "WriteDeadLetters"
        >> WriteDeadLettersStream(
            root=job.lake, run=run, flush_seconds=config.flush_seconds, flush_bytes=config.flush_bytes
        )
    )
    # A sink of their own: an accumulating window holds the watermark after it until its lateness is over, and with it
    # the flush of files.
    sums = (counts, metrics) | "AllSums" >> beam.Flatten() | "AppendSums" >> append_rows_streaming(job)
    (
        sums.failed
        | "FailedSums" >> FailedToDeadLetters(root=job.lake, run=run)
        | "WriteFailedSums"
        >> WriteDeadLettersStream(
            root=job.lake, run=run, flush_seconds=config.flush_seconds, flush_bytes=config.flush_bytes
        )
    )
