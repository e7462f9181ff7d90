"""The batch pipeline: read, archive, decode, deduplicate, write to the sinks."""

from typing import Any

import apache_beam as beam

from pipelines.config import JobConfig
from pipelines.sinks import append_rows
from schemas.registry import REGISTRY, Registry
from transforms.archive.batch import ArchiveMessages
from transforms.coders import use_sized_coders
from transforms.decode.decode import DecodeMessages
from transforms.deduplicate.batch import Deduplicate
from transforms.sagas.batch import TrackSagas
from transforms.sagas.publish_alerts import PublishSagaAlerts
from transforms.sinks.dead_letter_rows import DeadLetterRows
from transforms.sinks.failed_rows_to_dead_letters import FailedToDeadLetters
from transforms.sinks.files.feeds import FEEDS
from transforms.sinks.files.write_files import WriteDeadLetters, WriteFeed, WriteFiles
from transforms.sinks.files.write_manifests import WriteManifests
from transforms.table_rows import ToRows
from transforms.windows.counts import CountEvents
from transforms.windows.features import DeviceFeatures
from transforms.windows.pipeline_metrics import MeasurePipeline


def build(
    pipeline: beam.Pipeline, source: beam.PTransform[Any, Any], job: JobConfig, registry: Registry = REGISTRY
) -> None:
    """Build the pipeline on a source of message batches."""
    use_sized_coders()
    run, window = job.run, job.window_seconds

    messages = pipeline | "ReadMessages" >> source
    archived = (
        [messages | "ArchiveMessages" >> ArchiveMessages(root=job.lake, run_id=run.run_id)] if job.archives else []
    )
    decoded = messages | "DecodeMessages" >> DecodeMessages(
        as_of=run.started,
        window_seconds=window,
        registry=registry,
        accept_cloudevents=job.accept_cloudevents,
        pii_key=job.pii_key,
    )
    events = decoded.events | "Deduplicate" >> Deduplicate(
        temp=job.temp, window_seconds=window, lateness_seconds=job.lateness_seconds
    )
    dead = (decoded.dead, events.dead) | "AllDeadLetters" >> beam.Flatten()
    measured = (decoded.measured, events.measured) | "AllMeasured" >> beam.Flatten()

    feeds = [
        events.events | f"Write{feed.label}" >> WriteFeed(feed=feed, root=job.lake, run_id=run.run_id) for feed in FEEDS
    ]
    features = (
        events.events
        | "DeviceFeatures" >> DeviceFeatures(window_seconds=window, temp=job.temp)
        | "WriteFeatures" >> WriteFiles(root=job.lake, run_id=run.run_id)
    )
    manifests = (
        (*archived, *feeds, features)
        | "AllFiles" >> beam.Flatten()
        | "WriteManifests" >> WriteManifests(root=job.lake, run_id=run.run_id)
    )

    sagas = events.events | "TrackSagas" >> TrackSagas(run_id=run.run_id, timeout_us=job.saga_timeout_us, temp=job.temp)
    if job.saga_alerts_topic:
        sagas.alerted | "PublishSagaAlerts" >> PublishSagaAlerts(topic=job.saga_alerts_topic, clock=sagas.clock)

    rows = (
        events.events | "ToRows" >> ToRows(run=run, registry=registry),
        events.events | "CountEvents" >> CountEvents(run_id=run.run_id, window_seconds=window),
        dead | "DeadLetterRows" >> DeadLetterRows(run=run),
        measured | "MeasurePipeline" >> MeasurePipeline(run_id=run.run_id, window_seconds=window),
        sagas.rows,
    )
    appended = rows | "AppendRows" >> append_rows(job, manifests)
    undelivered = appended.failed | "FailedRows" >> FailedToDeadLetters(
        root=job.lake, run=run, compression=job.dead_letters_compression
    )
    (
        (dead, undelivered)
        | "AllRefused" >> beam.Flatten()
        | "WriteDeadLetters" >> WriteDeadLetters(root=job.lake, run=run, compression=job.dead_letters_compression)
        | "DeadLetterManifests" >> WriteManifests(root=job.lake, run_id=run.run_id)
    )
