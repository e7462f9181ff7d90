"""Build the graph of each template from the values of its command's options.

Nothing here waits for a job: a template launch submits the graph and ends.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import apache_beam as beam

from pipelines import streaming
from pipelines.command_options.requests import RedriveOptions, ReplayOptions, redrive_request, replay_request
from pipelines.command_options.stream_options import StreamOptions, stream_config, stream_job_options, subscriptions_of
from pipelines.command_options.target_options import make_target
from pipelines.config import JobConfig
from pipelines.dataflow.redrive_graph import build_redrive
from pipelines.dataflow.replay_graph import build_replay
from pipelines.dataflow.secret_key import read_secret
from pipelines.errors import UserError
from pipelines.job import make_job, make_run_id
from pipelines.lake.iceberg import with_catalog
from pipelines.read_options import read_options
from schemas.timestamps import to_datetime
from transforms.clock import wall_us
from transforms.sources.read_pubsub import ReadPubSub

Build = Callable[[beam.Pipeline, Mapping[str, Any], str], None]


@dataclass(frozen=True, kw_only=True)
class TemplateOptions:
    """The options that only templates have, as parsed."""

    pii_key_secret: str | None
    compare: bool = False


def build_streaming(pipeline: beam.Pipeline, values: Mapping[str, Any], temp: str) -> None:
    """Build the streaming pipeline on Beam's native Pub/Sub source."""
    options = read_options(StreamOptions, values)
    subscriptions = subscriptions_of(options)
    job = with_catalog(job_config(options, _pii_key(values), temp))
    config = stream_config(options, [given.topic for given in subscriptions])
    source = ReadPubSub(
        subscriptions=subscriptions,
        lake=job.lake,
        run_id=job.run.run_id,
        batch_messages=options.batch_messages,
        flush_seconds=config.flush_seconds,
        flush_bytes=config.flush_bytes,
    )
    streaming.build(pipeline, source, job, config)


def job_config(options: StreamOptions, pii_key: bytes | None, temp: str) -> JobConfig:
    """Return the configuration of the streaming pipeline's steps."""
    target, started = make_target(options, needs_lake=True), wall_us()
    run_id = make_run_id(options.run_id, started)
    temp = f"{temp.rstrip('/')}/{run_id}"
    job = stream_job_options(options, pii_key)
    if job.read_model is not None and job.read_model.has_password:
        raise UserError(f"--read_model {job.read_model}: a job's parameters are visible; use cloud_sql=… (IAM)")
    return make_job(job, target, write_endpoint=None, run_id=run_id, started=started, temp=temp)


def _build_replay(pipeline: beam.Pipeline, values: Mapping[str, Any], _temp: str) -> None:
    options = read_options(ReplayOptions, values)
    request = replay_request(options, _pii_key(values))
    if options.run_id is None:
        request = replace(request, run_id=f"{to_datetime(request.started):%Y%m%dT%H%M%SZ}-{request.mode}")
    build_replay(pipeline, request, compared=read_options(TemplateOptions, values).compare)


def _build_redrive(pipeline: beam.Pipeline, values: Mapping[str, Any], _temp: str) -> None:
    build_redrive(pipeline, redrive_request(read_options(RedriveOptions, values), None, _pii_key(values)))


def _pii_key(values: Mapping[str, Any]) -> bytes | None:
    return read_secret(read_options(TemplateOptions, values).pii_key_secret)


BUILDERS: dict[str, Build] = {"streaming": build_streaming, "replay": _build_replay, "redrive": _build_redrive}
