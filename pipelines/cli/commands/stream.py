"""The command `stream`: the main job over live subscriptions, until it is told to end.

On a laptop (`--output DIR`) the runner is Prism and the source our own; a second start with the same DIR goes on where
the first ended. SIGTERM and Ctrl-C drain: what was pulled is finished, windows fire, then exit 0.
"""

import argparse
import json
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.direct.direct_runner import BundleBasedDirectRunner

from pipelines import streaming
from pipelines.cli import notices as advice
from pipelines.cli.run_summary import read_summary, resources
from pipelines.command_options.stream import add_arguments as add_arguments
from pipelines.errors import RunFailed
from pipelines.job import make_job, make_run_id, whoami
from pipelines.options import job_options, read_key
from pipelines.process import hand_back_memory
from pipelines.replay.crash_recovery import recover
from pipelines.report import write_report
from pipelines.runners.direct import counters, run_to_end
from pipelines.runners.prism import Prism, need_prism, prism_flags
from pipelines.sinks import tables_of
from pipelines.stores.folder_lock import lock_folder
from pipelines.stores.provision.provision import provision
from pipelines.stores.target import Target
from pipelines.stream_config import stream_config
from pipelines.subscriptions import subscriptions_of
from schemas.timestamps import SECOND_US, to_rfc3339
from transforms.clock import wall_us
from transforms.metrics import TOPIC_LABELS
from transforms.sagas.history import SagaHistory
from transforms.sinks.files.partitions import HOUR_US
from transforms.sources.pull_pubsub import PullPubSub
from transforms.sources.pulled_topics import outstanding
from transforms.sources.read_event_store import Store
from transforms.sources.read_pubsub import ReadPubSub

HELP = "Run the main job over live Pub/Sub subscriptions; PUBSUB_EMULATOR_HOST is respected."
ACK_SECONDS = 15.0
SWITCH_SECONDS = 0.0005
"""How long a thread may keep Python to itself: a call to the runner passes through four threads of this process, and
waits for each."""
DIRECT_WARNING = (
    "warning: DirectRunner acknowledges messages as it pulls them: a crash loses what it holds (measured: 17 of 500)."
    " PrismRunner does not."
)

GO_ON = "; what was acknowledged is in the archive, and the same command goes on from there"


def run(args: argparse.Namespace) -> int:
    """Run until the end; return 0."""
    sys.setswitchinterval(SWITCH_SECONDS)
    hand_back_memory()
    subscriptions = subscriptions_of(args)
    target = Target.from_args(args, needs_lake=True)
    advice.say(advice.of_emulator(args.project))
    options, started = job_options(args, read_key(args.pii_key_file)), wall_us()
    options = replace(options, saga_retention_days=args.saga_retention_days)
    live = stream_config(args, [given.topic for given in subscriptions], shards=1)
    prism_program = need_prism(args.prism_location) if args.runner == "PrismRunner" else None
    run_id = make_run_id(args.run_id, started)
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="event-pipelines-")))
        stack.enter_context(lock_folder(target.directory, "stream"))
        endpoints = stack.enter_context(target.open(create=True, apart=True))
        provision(endpoints, target, window_seconds=args.window_seconds)
        job = make_job(
            options, target, write_endpoint=endpoints.write_endpoint, run_id=run_id, started=started, temp=str(work)
        )
        recover(endpoints, target, job, whoami())
        stop_file = work / "stop"
        since = started - 2 * job.saga_retention_us - job.saga_timeout_us - HOUR_US
        history = SagaHistory(Store(target.project, endpoints.rest_url), tables_of(job), since)
        live = live.model_copy(update={"saga_history": history, "interrupted": stop_file.exists})
        if prism_program is not None:
            stack.enter_context(drain_on_signals(stop_file))
        if prism_program is None:
            print(DIRECT_WARNING, file=sys.stderr, flush=True)
            beam_options = PipelineOptions(["--streaming"], save_main_session=False)
            pipeline = beam.Pipeline(runner=BundleBasedDirectRunner(), options=beam_options)
            source: beam.PTransform[Any, Any] = ReadPubSub(
                subscriptions=subscriptions,
                lake=job.lake,
                run_id=run_id,
                batch_messages=args.batch_messages,
                flush_seconds=live.flush_seconds,
                flush_bytes=live.flush_bytes,
            )
        else:
            prism = stack.enter_context(Prism(prism_program, (target.directory or work) / "prism.log"))
            beam_options = PipelineOptions(prism_flags(prism.endpoint), save_main_session=False)
            pipeline = beam.Pipeline(runner="PortableRunner", options=beam_options)
            source = PullPubSub(
                subscriptions=subscriptions,
                lake=job.lake,
                run_id=run_id,
                stop_file=str(stop_file),
                batch_messages=args.batch_messages,
                linger_seconds=args.linger_ms / 1000,
                max_messages=args.max_messages,
                stop_after_idle_seconds=args.stop_after_idle,
                max_in_flight=args.max_in_flight,
            )
        streaming.build(pipeline, source, job, live)
        print(f"run {run_id}: {len(subscriptions)} subscriptions; Ctrl-C or SIGTERM drains and ends", flush=True)
        try:
            result = run_to_end(pipeline)
        except RunFailed as error:
            raise RunFailed(f"{error}{GO_ON if prism_program is not None else ''}") from error
        wait_for_acks(run_id)
        counted = counters(result)
        show_counts(counted)
        if target.directory is not None:
            about = {"run_id": run_id, "version": job.run.version, "started": to_rfc3339(started)}
            summary = {**about, **read_summary(endpoints.bigquery, target, run_id, counted), **resources()}
            summary["seconds"] = round((wall_us() - started) / SECOND_US, 2)
            (target.directory / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
            shown = {name: value for name, value in vars(args).items() if name not in ("run", "pii_key_file")}
            write_report(endpoints.bigquery, target, summary, shown, target.directory / "report.html")
    return 0


@contextmanager
def drain_on_signals(stop_file: Path) -> Iterator[None]:
    """Turn SIGTERM and SIGINT into a drain; a second SIGINT interrupts."""

    def drain(number: int, frame: Any) -> None:
        if stop_file.exists() and number == signal.SIGINT:
            raise KeyboardInterrupt
        stop_file.touch()
        print("draining: what was pulled is finished, windows fire", file=sys.stderr, flush=True)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, drain) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def wait_for_acks(run_id: str) -> None:
    """Wait until all that was stored is acknowledged; what is not in time is delivered again, and counted once."""
    limit = time.monotonic() + ACK_SECONDS
    while outstanding(run_id) and time.monotonic() < limit:
        time.sleep(0.05)
    if left := outstanding(run_id):
        raise RunFailed(f"{left} messages are stored and not acknowledged; the next run gets them again")


def show_counts(counted: dict[str, int]) -> None:
    """Print what became of the messages."""
    for outcome in ("received", "valid", "duplicate", "dead_letter", "late"):
        total = sum(counted.get(f"{outcome}_{topic}", 0) for topic in TOPIC_LABELS)
        print(f"{outcome:12} {total:>12,}")
