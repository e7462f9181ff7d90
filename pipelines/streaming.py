"""The main job over live messages: the steps of batch.py in their streaming forms. Logic is in the steps."""

from typing import Any

import apache_beam as beam

from pipelines.config import JobConfig
from pipelines.sinks import append_rows_live
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
    live: StreamConfig,
    registry: Registry = REGISTRY,
) -> None:
    """Wire the main job onto a source of live message batches, which keeps the archive itself."""
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
        horizon_seconds=live.dedup_horizon_seconds,
        shards=live.dedup_shards,
        registry=registry,
        clock=live.clock,
    )
    dead = (decoded.dead, events.dead) | "AllDeadLetters" >> beam.Flatten()

    for feed in FEEDS:
        _ = events.events | f"Write{feed.label}" >> WriteFeedStream(
            feed=feed, root=job.lake, run_id=run.run_id, flush_seconds=live.flush_seconds, flush_bytes=live.flush_bytes
        )
    _ = events.events | "DeviceFeatures" >> DeviceFeaturesStream(
        root=job.lake,
        run_id=run.run_id,
        window_seconds=window,
        lateness_seconds=lateness,
        disorder_seconds=live.disorder_seconds,
        early_seconds=live.early_seconds,
    )

    sagas = events.events | "TrackSagas" >> TrackSagasStream(
        run_id=run.run_id,
        timeout_us=job.saga_timeout_us,
        retention_us=job.saga_retention_us,
        history=live.saga_history,
        interrupted=live.interrupted,
        clock=live.clock,
    )
    said = sagas.alerted
    if job.saga_alerts_topic:
        said = said | "PublishSagaAlerts" >> PublishSagaAlerts(topic=job.saga_alerts_topic)

    stored = events.stored | "ToRows" >> ToRows(run=run, registry=registry)
    counts = events.events | "CountEvents" >> CountEventsStream(
        run_id=run.run_id,
        window_seconds=window,
        lateness_seconds=lateness,
        disorder_seconds=live.disorder_seconds,
        early_seconds=live.early_seconds,
    )
    metrics = (decoded.measured, events.measured) | "MeasurePipeline" >> MeasureStream(
        run_id=run.run_id,
        window_seconds=window,
        topics=live.topics,
        started=run.started,
        rules=live.alert_rules,
        clock=live.clock,
    )
    alerts = said | "AlertedRows" >> AlertedRows(run_id=run.run_id)
    letters = dead | "DeadLetterRows" >> DeadLetterRows(run=run)
    appended = (stored, sagas.rows, alerts, letters) | "AppendRows" >> append_rows_live(job)
    appended | "SettleRows" >> SettleRows(run_id=run.run_id)
    undelivered = appended.failed | "FailedRows" >> FailedToDeadLetters(root=job.lake, run=run)
    (
        (dead, undelivered)
        | "AllRefused" >> beam.Flatten()
        | "WriteDeadLetters"
        >> WriteDeadLettersStream(
            root=job.lake, run=run, flush_seconds=live.flush_seconds, flush_bytes=live.flush_bytes
        )
    )
    # Apart: an accumulating window holds the watermark behind it until its lateness is over, and with it a file's time.
    sums = (counts, metrics) | "AllSums" >> beam.Flatten() | "AppendSums" >> append_rows_live(job)
    (
        sums.failed
        | "FailedSums" >> FailedToDeadLetters(root=job.lake, run=run)
        | "WriteFailedSums"
        >> WriteDeadLettersStream(
            root=job.lake, run=run, flush_seconds=live.flush_seconds, flush_bytes=live.flush_bytes
        )
    )
