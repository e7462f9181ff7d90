"""Run the streaming pipeline on Pub/Sub subscriptions until it is stopped.

On a laptop the runner is Prism and the source PullPubSub; a second run with the same stores continues where the first
ended. On the streaming DirectRunner the source is Beam's own.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.direct.direct_runner import BundleBasedDirectRunner

from pipelines import streaming
from pipelines.config import JobConfig
from pipelines.errors import RunFailed, UserError
from pipelines.job import make_job
from pipelines.lake.iceberg import with_catalog
from pipelines.lake.recovery import recover_folder
from pipelines.process import exit_despite_threads, hand_back_memory, share_interpreter
from pipelines.read_model.apply import ReadModelOfStore
from pipelines.replay.run_records import RunRecords
from pipelines.replay.staging import finish_publishes
from pipelines.replay.unfinished import finish_batch_runs, recover_streams
from pipelines.runners.direct import counters, run_to_end
from pipelines.runners.prism import Prism, prism_flags
from pipelines.sinks import tables_of
from pipelines.stores.folder_lock import lock_folder
from pipelines.stores.interrupted_streams import interrupted_runs
from pipelines.stores.open_stores import open_stores
from pipelines.stores.settings import KeyOfRun, check_settings, provision_agreed
from pipelines.stores.target import Endpoints
from pipelines.stores.undelivered import add_undelivered_dead_letters
from pipelines.stream.drain import drain_on_signals
from pipelines.stream.monitor import (
    Check,
    EmulatorCheck,
    Monitor,
    disk_check,
    process_check,
    silence_worker,
)
from pipelines.stream.request import FinishedStream, StreamRequest
from pipelines.stream.run_record import StreamRecord
from pipelines.stream.subscription_check import check_subscriptions
from pipelines.stream.summary import write_failure, write_summary
from schemas.timestamps import to_rfc3339
from transforms.clock import wall_us
from transforms.in_flight import InFlight
from transforms.metrics import TOPIC_LABELS
from transforms.sagas.history import SagaHistory
from transforms.sinks.files.partitions import HOUR_US
from transforms.sources.pull_pubsub import PullPubSub
from transforms.sources.pulled_topics import outstanding, source_failure
from transforms.sources.read_event_store import Store
from transforms.sources.read_pubsub import ReadPubSub

ACK_SECONDS = 15.0
APPEND_SECONDS = 60.0
"""How long, in addition to the retry budget, the rows of one message may take to reach all tables."""
DIRECT_WARNING = (
    "warning: DirectRunner acknowledges messages as it pulls them: a crash loses what it holds (measured: 17 of 500)."
    " PrismRunner does not."
)
CONTINUE = "; acknowledged messages are in the archive: run the same command again to continue from there"


def run_stream(
    request: StreamRequest, *, notify: Callable[[str], None], finish: Callable[[FinishedStream], None]
) -> None:
    """Run until the source ends.

    Args:
        request: what to do.
        notify: called with a line when the run has started.
        finish: called after the run, while the stores are open.

    Raises:
        UserError: an option, a subscription or the stores do not fit.
        RunFailed: the run cannot start or go on; the text says what to do.
    """
    share_interpreter()
    hand_back_memory()
    silence_worker()
    check_subscriptions(request.subscriptions, allow_topic_mismatch=request.allow_topic_mismatch)
    target = request.target
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="event-pipelines-")))
        stack.enter_context(lock_folder(target.directory, "stream"))
        recover_folder(target.directory)
        endpoints = stack.enter_context(open_stores(target, create=True, separate=True))
        about = {"run_id": request.run_id, "started": to_rfc3339(request.started)}
        options = {
            "window_seconds": request.options.window_seconds,
            "dedup_horizon_seconds": request.config.dedup_horizon_seconds,
        }
        key = KeyOfRun(request.options.pii_key_version)
        check_settings(endpoints.bigquery, target, key=key, **options)
        write_summary(target.directory, {**about, "state": "RUNNING"})
        try:
            provision_agreed(endpoints, target, run_id=request.run_id, key=key, **options)
            if done := add_undelivered_dead_letters(endpoints.bigquery, target):
                notify(done)
            job = make_job(
                request.options,
                target,
                write_endpoint=endpoints.write_endpoint,
                run_id=request.run_id,
                started=request.started,
                temp=str(work),
            )
            job = with_catalog(job)
            finish_batch_runs(endpoints, target, request.run_id)
            finish_publishes(endpoints, target, RunRecords(endpoints.bigquery, target))
            model = read_model(request, endpoints, job)
            recover_streams(endpoints, target, job)
            with _record(request, endpoints, job) as record:
                if model is not None:
                    model.start_stream(request.run_id, None)
                counted = _run_job(request, job, endpoints, work, notify)
                if model is not None:
                    model.end_stream(request.run_id)
                record.done(sum(counted.get(f"received_{topic}", 0) for topic in TOPIC_LABELS))
            finish(FinishedStream(client=endpoints.bigquery, job=job, counted=counted))
        except BaseException as error:
            reason = str(error) if isinstance(error, (RunFailed, UserError)) else type(error).__name__
            write_failure(target.directory, about, reason)
            raise


def read_model(request: StreamRequest, endpoints: Endpoints, job: JobConfig) -> ReadModelOfStore | None:
    """Return the read model of the run, brought up to date with what killed runs stored; None if there is none."""
    if job.read_model is None:
        return None
    model = ReadModelOfStore(address=job.read_model, endpoints=endpoints, target=request.target, job=job)
    model.prepare()
    dead = interrupted_runs(endpoints.bigquery, request.target)
    if dead:
        model.apply_missing(since=min(run.since for run in dead))
    return model


def _record(request: StreamRequest, endpoints: Endpoints, job: JobConfig) -> StreamRecord:
    in_flight = InFlight(request.run_id)
    return StreamRecord(
        Store(request.target.project, endpoints.rest_url).client(),
        request.target,
        run_id=request.run_id,
        started=request.started,
        version=job.run.version,
        pii_key_version=job.pii_key_version,
        oldest=lambda: in_flight.oldest() or wall_us(),
        lag_seconds=job.sink_retry_budget_seconds + APPEND_SECONDS,
    )


def _run_job(
    request: StreamRequest, job: JobConfig, endpoints: Endpoints, work: Path, notify: Callable[[str], None]
) -> dict[str, int]:
    """Build the graph on its runner, run it to its end and return its counters."""
    directory, stop_file = request.target.directory, work / "stop"
    since = request.started - 2 * job.saga_retention_us - job.saga_timeout_us - HOUR_US
    history = SagaHistory(Store(request.target.project, endpoints.rest_url), tables_of(job), since)
    config = request.config.model_copy(update={"saga_history": history, "interrupted": stop_file.exists})
    checks: list[Check] = [lambda: source_failure(request.run_id), disk_check(directory or work)]
    if endpoints.rest_url is not None:
        checks.append(EmulatorCheck(endpoints.rest_url))
    with ExitStack() as stack:
        if request.prism is None:
            print(DIRECT_WARNING, file=sys.stderr, flush=True)
            options = PipelineOptions(["--streaming"], save_main_session=False)
            pipeline = beam.Pipeline(runner=BundleBasedDirectRunner(), options=options)
            streaming.build(pipeline, _native_source(request, job), job, config)
            notify(_started(request))
            return counters(run_to_end(pipeline))
        stack.enter_context(drain_on_signals(stop_file))
        log = (directory or work) / "prism.log"
        prism = stack.enter_context(Prism(request.prism, log))
        checks.append(process_check(prism.is_alive, "the runner, Prism,", log))
        options = PipelineOptions(prism_flags(prism.endpoint), save_main_session=False)
        pipeline = beam.Pipeline(runner="PortableRunner", options=options)
        streaming.build(pipeline, _pulling_source(request, job, stop_file), job, config)
        notify(_started(request))
        with Monitor(checks, prism.stop) as monitor:
            try:
                result = monitor.watch(lambda: run_to_end(pipeline))
            except RunFailed as error:
                exit_despite_threads(1)
                reason = monitor.check() or str(error)
                advice = "" if source_failure(request.run_id) else CONTINUE
                raise RunFailed(f"{reason}{advice}") from error
        wait_for_acknowledgements(request.run_id)
        return counters(result)


def _native_source(request: StreamRequest, job: JobConfig) -> ReadPubSub:
    return ReadPubSub(
        subscriptions=request.subscriptions,
        lake=job.lake,
        run_id=request.run_id,
        batch_messages=request.batch_messages,
        flush_seconds=request.config.flush_seconds,
        flush_bytes=request.config.flush_bytes,
    )


def _pulling_source(request: StreamRequest, job: JobConfig, stop_file: Path) -> PullPubSub:
    return PullPubSub(
        subscriptions=request.subscriptions,
        lake=job.lake,
        run_id=request.run_id,
        stop_file=str(stop_file),
        batch_messages=request.batch_messages,
        linger_seconds=request.linger_seconds,
        max_messages=request.max_messages,
        stop_after_idle_seconds=request.stop_after_idle_seconds,
        max_in_flight=request.max_in_flight,
        max_in_flight_bytes=request.max_in_flight_bytes,
    )


def _started(request: StreamRequest) -> str:
    return f"run {request.run_id}: {len(request.subscriptions)} subscriptions; Ctrl-C or SIGTERM drains and ends"


def wait_for_acknowledgements(run_id: str) -> None:
    """Wait until all that was stored is acknowledged; what is not in time is delivered again, and counted once."""
    limit = time.monotonic() + ACK_SECONDS
    while outstanding(run_id) and time.monotonic() < limit:
        time.sleep(0.05)
    if left := outstanding(run_id):
        raise RunFailed(f"{left} messages are stored and not acknowledged; the next run receives them again")
