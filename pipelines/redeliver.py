"""Rows of events that a table does not hold: from events to rows, without archive, counts, features and sagas."""

from typing import Any

import apache_beam as beam

from pipelines.config import JobConfig
from pipelines.sinks import append_rows
from schemas.registry import REGISTRY, Registry
from transforms.coders import use_sized_coders
from transforms.decode.decode import DecodeMessages
from transforms.deduplicate.batch import Deduplicate
from transforms.table_rows import ToRows


def build(
    pipeline: beam.Pipeline, sources: list[beam.PTransform[Any, Any]], job: JobConfig, registry: Registry = REGISTRY
) -> None:
    """Wire rows of `events` and the typed tables onto sources of message batches."""
    use_sized_coders()
    messages = [pipeline | f"ReadEvents{number}" >> source for number, source in enumerate(sources)]
    decoded = (
        messages
        | "AllEvents" >> beam.Flatten()
        | "DecodeMessages"
        >> DecodeMessages(
            as_of=job.run.started,
            window_seconds=job.window_seconds,
            registry=registry,
            accept_cloudevents=job.accept_cloudevents,
            pii_key=job.pii_key,
        )
    )
    events = decoded.events | "Deduplicate" >> Deduplicate(
        temp=job.temp, window_seconds=job.window_seconds, lateness_seconds=job.lateness_seconds
    )
    rows = events.events | "ToRows" >> ToRows(run=job.run, registry=registry)
    rows | "AppendRows" >> append_rows(job, None)
