"""The graph of each template: the command's parsed options become the configs that the builder takes.

Nothing here waits for a job: a template launch submits the graph and ends.
"""

import argparse
import uuid
from collections.abc import Callable

import apache_beam as beam

from pipelines import streaming
from pipelines.commands.stream import feeds_of
from pipelines.config import JobConfig
from pipelines.launching.redrive_graph import build_redrive
from pipelines.launching.replay_graph import build_replay
from pipelines.launching.secret import read_secret
from pipelines.options import now_us
from pipelines.stream_config import stream_config
from pipelines.target import Target
from pipelines.version import pipeline_version
from schemas.times import to_datetime
from transforms.pubsub_native import ReadPubSub
from transforms.rows import Run

Build = Callable[[beam.Pipeline, argparse.Namespace, str], None]


def build_streaming(pipeline: beam.Pipeline, args: argparse.Namespace, temp: str) -> None:
    """Wire the live job onto Beam's native Pub/Sub source."""
    feeds = feeds_of(args)
    job = job_config(args, temp)
    live = stream_config(args, [feed.topic for feed in feeds])
    source = ReadPubSub(
        feeds,
        job.lake,
        job.run.run_id,
        batch_messages=args.batch_messages,
        flush_seconds=live.flush_seconds,
        flush_bytes=live.flush_bytes,
    )
    streaming.build(pipeline, source, job, live)


def job_config(args: argparse.Namespace, temp: str) -> JobConfig:
    """Return the values of the main job's steps."""
    target, started = Target.from_args(args, needs_lake=True), now_us()
    run_id = args.run_id or f"{to_datetime(started):%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:6]}"
    return JobConfig(
        run=Run(run_id, started, pipeline_version()),
        lake=target.lake,
        temp=f"{temp.rstrip('/')}/{run_id}",
        project=target.project,
        event_store=target.event_store,
        analytics=target.analytics,
        window_seconds=args.window_seconds,
        lateness_seconds=args.allowed_lateness_seconds,
        accept_cloudevents=args.accept_cloudevents,
        pii_key=read_secret(args.pii_key_secret),
        sink_retry_budget_seconds=args.sink_retry_budget,
        bigquery_method=args.bigquery_method,
        saga_timeout_minutes=args.saga_timeout_minutes,
        saga_retention_days=args.saga_retention_days,
        saga_alerts_topic=args.saga_alerts_topic,
    )


BUILDERS: dict[str, Build] = {"streaming": build_streaming, "replay": build_replay, "redrive": build_redrive}
