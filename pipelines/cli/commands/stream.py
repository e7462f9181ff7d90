"""The command `stream`: the streaming pipeline on Pub/Sub subscriptions, until it is stopped."""

import argparse

from pipelines.cli import notices
from pipelines.cli.print_summary import report_failures
from pipelines.cli.run_summary import failures, read_summary, resources
from pipelines.command_options.stream_options import StreamOptions, stream_config, stream_job_options, subscriptions_of
from pipelines.command_options.target_options import make_target
from pipelines.job import make_run_id
from pipelines.options import read_key
from pipelines.read_options import read_options
from pipelines.report import write_report
from pipelines.runners.prism import need_prism
from pipelines.stream.request import FinishedStream, StreamRequest
from pipelines.stream.run import run_stream
from pipelines.stream.summary import write_summary
from schemas.timestamps import SECOND_US, to_rfc3339
from transforms.clock import wall_us
from transforms.metrics import TOPIC_LABELS


def run(args: argparse.Namespace) -> int:
    """Run until the end; return 0, or 1 if rows are undelivered, no message is valid or the counts do not add up."""
    request = _request(args)
    notices.print_notes(notices.emulator_notes(args.project))
    problems: list[str] = []
    run_stream(
        request,
        notify=lambda line: print(line, flush=True),
        finish=lambda finished: problems.extend(_finish(request, finished, args)),
    )
    return report_failures(problems)


def _request(args: argparse.Namespace) -> StreamRequest:
    options, started = read_options(StreamOptions, vars(args)), wall_us()
    subscriptions = subscriptions_of(options)
    return StreamRequest(
        subscriptions=subscriptions,
        target=make_target(options, needs_lake=True),
        options=stream_job_options(options, read_key(args.pii_key_file)),
        config=stream_config(options, [given.topic for given in subscriptions], shards=1),
        run_id=make_run_id(options.run_id, started),
        started=started,
        prism=need_prism(args.prism_location) if args.runner == "PrismRunner" else None,
        allow_topic_mismatch=options.allow_topic_mismatch,
        batch_messages=options.batch_messages,
        linger_seconds=options.linger_ms / 1000,
        max_messages=options.max_messages,
        stop_after_idle_seconds=options.stop_after_idle,
        max_in_flight=options.max_in_flight,
        max_in_flight_bytes=options.max_in_flight_mb << 20,
    )


def _finish(request: StreamRequest, finished: FinishedStream, args: argparse.Namespace) -> list[str]:
    """Print the outcomes of the messages, write the summary and the report, and return why the run failed."""
    for outcome in ("received", "valid", "duplicate", "dead_letter", "late"):
        total = sum(finished.counted.get(f"{outcome}_{topic}", 0) for topic in TOPIC_LABELS)
        print(f"{outcome:12} {total:>12,}")
    target = request.target
    undelivered = finished.counted.get("read_model_undelivered", 0)
    # The streaming DirectRunner counts only the first bundle of each step.
    counted_all = request.prism is not None
    outcomes = read_summary(
        finished.client, target, request.run_id, finished.counted, exact=False, counted_all=counted_all
    )
    if request.options.read_model is not None:
        rows = finished.counted.get("read_model_rows", 0)
        outcomes["read_model"] = {"address": str(request.options.read_model), "rows": rows, "undelivered": undelivered}
    if undelivered:
        outcomes["undelivered"]["read_model"] = undelivered
    if target.directory is not None:
        version, started = finished.job.run.version, to_rfc3339(request.started)
        about = {"run_id": request.run_id, "version": version, "started": started, "state": "DONE"}
        summary = {**about, **outcomes, **resources()}
        summary["seconds"] = round((wall_us() - request.started) / SECOND_US, 2)
        write_summary(target.directory, summary)
        options = {name: value for name, value in vars(args).items() if name not in ("run", "pii_key_file")}
        write_report(finished.client, target, summary, options, target.directory / "report.html")
    where = f"--output {args.output}" if args.output else f"--project {args.project}"
    return list(failures(outcomes, where, allow_undelivered=args.allow_undelivered))
