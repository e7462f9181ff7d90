"""Projections from the store alone: what windows and orders must say that a replay could see only a part of."""

import apache_beam as beam

from pipelines.config import JobConfig
from pipelines.sinks import append_rows
from schemas.registry import REGISTRY, Registry
from transforms.coders import use_sized_coders
from transforms.decode.decode import DecodeMessages
from transforms.deduplicate.batch import Deduplicate
from transforms.sagas.batch import TrackSagas
from transforms.sinks.files.feeds import FEEDS
from transforms.sinks.files.write_files import WriteFeed, WriteFiles
from transforms.sinks.files.write_manifests import WriteManifests
from transforms.sources.read_event_store import ReadStore, Store
from transforms.windows.counts import CountEvents
from transforms.windows.features import DeviceFeatures


def build(
    pipeline: beam.Pipeline, store: Store, of_hours: str, of_orders: str, job: JobConfig, registry: Registry = REGISTRY
) -> None:
    """Wire counts, features and feeds of whole hours, and sagas of whole orders, onto two queries of the store."""
    use_sized_coders()
    run, window = job.run, job.window_seconds

    def events(name: str, query: str) -> beam.PCollection:
        decoded = (
            pipeline
            | f"Read{name}" >> ReadStore(store=store, queries=[query])
            | f"Decode{name}"
            >> DecodeMessages(
                as_of=run.started,
                window_seconds=window,
                registry=registry,
                accept_cloudevents=job.accept_cloudevents,
                pii_key=job.pii_key,
            )
        )
        return (
            decoded.events
            | f"Deduplicate{name}"
            >> Deduplicate(temp=job.temp, window_seconds=window, lateness_seconds=job.lateness_seconds)
        ).events

    hours, orders = events("Hours", of_hours), events("Orders", of_orders)
    feeds = [hours | f"Write{feed.label}" >> WriteFeed(feed=feed, root=job.lake, run_id=run.run_id) for feed in FEEDS]
    features = (
        hours
        | "DeviceFeatures" >> DeviceFeatures(window_seconds=window, temp=job.temp)
        | "WriteFeatures" >> WriteFiles(root=job.lake, run_id=run.run_id)
    )
    manifests = (
        (*feeds, features)
        | "AllFiles" >> beam.Flatten()
        | "WriteManifests" >> WriteManifests(root=job.lake, run_id=f"{run.run_id}-store", replace=True)
    )
    rows = (
        hours | "CountEvents" >> CountEvents(run_id=run.run_id, window_seconds=window),
        (orders | "TrackSagas" >> TrackSagas(run_id=run.run_id, timeout_us=job.saga_timeout_us, temp=job.temp)).rows,
    )
    rows | "AppendRows" >> append_rows(job, manifests)
