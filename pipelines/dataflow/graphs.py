"""The graph of each template: the command's parsed options become the configs that the builder takes.

Nothing here waits for a job: a template launch submits the graph and ends.
"""

import argparse
from collections.abc import Callable

import apache_beam as beam

from pipelines import streaming
from pipelines.config import JobConfig
from pipelines.dataflow.redrive_graph import build_redrive
from pipelines.dataflow.replay_graph import build_replay
from pipelines.dataflow.secret_key import read_secret
from pipelines.job import make_job, run_id_of
from pipelines.stores.target import Target
from pipelines.stream_config import stream_config
from pipelines.subscriptions import subscriptions_of
from transforms.clock import wall_us
from transforms.sources.read_pubsub import ReadPubSub

Build = Callable[[beam.Pipeline, argparse.Namespace, str], None]


def build_streaming(pipeline: beam.Pipeline, args: argparse.Namespace, temp: str) -> None:
    """Wire the live job onto Beam's native Pub/Sub source."""
    subscriptions = subscriptions_of(args)
    job = job_config(args, temp)
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
    """Return the values of the main job's steps."""
    target, started = Target.from_args(args, needs_lake=True), wall_us()
    run_id = run_id_of(args, started)
    return make_job(
        args, target, None, run_id, started, read_secret(args.pii_key_secret), f"{temp.rstrip('/')}/{run_id}"
    )


BUILDERS: dict[str, Build] = {"streaming": build_streaming, "replay": build_replay, "redrive": build_redrive}
