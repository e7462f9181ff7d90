"""Build the graph of each template from the command's parsed options.

Nothing here waits for a job: a template launch submits the graph and ends.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace

import apache_beam as beam

from pipelines import streaming
from pipelines.command_options.requests import redrive_request, replay_request
from pipelines.config import JobConfig
from pipelines.dataflow.redrive_graph import build_redrive
from pipelines.dataflow.replay_graph import build_replay
from pipelines.dataflow.secret_key import read_secret
from pipelines.job import make_job, make_run_id
from pipelines.lake.iceberg import with_catalog
from pipelines.options import job_options
from pipelines.stores.target import Target
from pipelines.stream_config import stream_config
from pipelines.subscriptions import subscriptions_of
from schemas.timestamps import to_datetime
from transforms.clock import wall_us
from transforms.sources.read_pubsub import ReadPubSub

Build = Callable[[beam.Pipeline, argparse.Namespace, str], None]


def build_streaming(pipeline: beam.Pipeline, args: argparse.Namespace, temp: str) -> None:
    """Build the streaming pipeline on Beam's native Pub/Sub source."""
    subscriptions = subscriptions_of(args)
    job = with_catalog(job_config(args, temp))
    live = stream_config(args, [given.topic for given in subscriptions])
    source = ReadPubSub(
        subscriptions=subscriptions,
        lake=job.lake,
        run_id=job.run.run_id,
        batch_messages=args.batch_messages,
        flush_seconds=live.flush_seconds,
        flush_bytes=live.flush_bytes,
    )
    streaming.build(pipeline, source, job, live)


def job_config(args: argparse.Namespace, temp: str) -> JobConfig:
    """Return the configuration of the pipeline's steps."""
    target, started = Target.from_args(args, needs_lake=True), wall_us()
    run_id = make_run_id(args.run_id, started)
    options = replace(job_options(args, read_secret(args.pii_key_secret)), saga_retention_days=args.saga_retention_days)
    temp = f"{temp.rstrip('/')}/{run_id}"
    return make_job(options, target, write_endpoint=None, run_id=run_id, started=started, temp=temp)


def _build_replay(pipeline: beam.Pipeline, args: argparse.Namespace, temp: str) -> None:
    request = replay_request(args, read_secret(args.pii_key_secret))
    if args.run_id is None:
        request = replace(request, run_id=f"{to_datetime(request.started):%Y%m%dT%H%M%SZ}-{request.mode}")
    build_replay(pipeline, request, compared=args.compare)


def _build_redrive(pipeline: beam.Pipeline, args: argparse.Namespace, temp: str) -> None:
    build_redrive(pipeline, redrive_request(args, None, read_secret(args.pii_key_secret)))


BUILDERS: dict[str, Build] = {"streaming": build_streaming, "replay": _build_replay, "redrive": _build_redrive}
