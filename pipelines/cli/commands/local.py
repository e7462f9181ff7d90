"""The command `local`: run the batch pipeline on files on this machine, into a DuckDB file and a lake of files."""

import argparse
import shutil
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from pipelines import batch
from pipelines.bigquery_emulator.beam_endpoint import point_beam_at
from pipelines.bigquery_emulator.faults.script import FaultScript
from pipelines.cli import notices
from pipelines.cli.print_summary import print_summary, report_failures
from pipelines.cli.progress import show_progress
from pipelines.cli.run_summary import failures, read_summary, resources
from pipelines.command_options.job_options import StepOptions, job_options
from pipelines.config import JobConfig
from pipelines.errors import RunFailed, UserError
from pipelines.inputs import SUFFIXES, open_inputs
from pipelines.job import JobOptions, make_job, make_run_id
from pipelines.lake.iceberg import commit_lake
from pipelines.lake.recovery import recover_folder
from pipelines.lake.undo import has_events, undo_run
from pipelines.options import parse_moment, read_key
from pipelines.read_model.applied import Applied
from pipelines.read_model.apply import ReadModelOfStore
from pipelines.read_options import read_options
from pipelines.replay.unfinished import finish_killed_runs
from pipelines.report import write_report
from pipelines.runners.direct import counters, make_pipeline, run_to_end
from pipelines.stores.folder_lock import lock_folder
from pipelines.stores.open_stores import check_not_served, open_stores
from pipelines.stores.output_folder import (
    LAKE,
    REPORT,
    WORK,
    check_disjoint,
    check_output,
    holds_result,
    replacement,
    settle,
    write_failure,
    write_summary,
)
from pipelines.stores.run_record import Run, UndoIncomplete, recorded
from pipelines.stores.settings import KeyOfRun, SettingsDiffer, check_settings, provision_agreed
from pipelines.stores.target import Endpoints, Target
from pipelines.stores.undelivered import add_undelivered_dead_letters
from pipelines.version import pipeline_version
from schemas.timestamps import to_rfc3339
from transforms.clock import wall_us
from transforms.sinks.iceberg.catalog import read_settings, write_settings
from transforms.sources.file_ranges import FileRange
from transforms.sources.read_files import ReadMessages


def run(args: argparse.Namespace) -> int:
    """Run the job; return 0, or 1 if rows are undelivered, no message is valid or the counts do not add up."""
    began, started = time.monotonic(), wall_us()
    as_of = parse_moment("as_of", args.as_of) if args.as_of else started
    options = job_options(read_options(StepOptions, vars(args)), read_key(args.pii_key_file))
    faults = load_faults(args.faults) if args.faults else None
    if "://" in args.output:
        raise UserError(f"--output {args.output}: not a folder on this machine; `launch replay` runs in the cloud")
    output = Path(args.output)
    Target.local(output)
    with ExitStack() as stack:
        ranges = stack.enter_context(open_inputs(args.input, args.format))
        check_disjoint(args.input, (part.path for part in ranges), output)
        stack.enter_context(lock_folder(output, "local"))
        run_id = make_run_id(args.run_id, started)
        stack.push(_commit_tables(str(output / LAKE), run_id))  # after the results are in their place
        settle(output)
        recover_folder(output)
        check_output(output, overwrite=args.overwrite, append=args.append)
        _print_notes(args, ranges)
        folder = output
        if args.overwrite and holds_result(output):
            check_not_served(output)
            catalog = read_settings(str(output / LAKE))
            folder = stack.enter_context(replacement(output))
            if catalog is not None:
                (folder / LAKE).mkdir()
                write_settings(str(folder / LAKE), catalog)
        target = Target.local(folder, shown=output)
        source = ReadMessages(ranges=ranges, as_of=as_of)
        about = {"run_id": run_id, "version": pipeline_version(), "started": to_rfc3339(started)}
        try:
            summary = {**about, **_run_job(args, target, source, run_id, started, options, faults, began)}
        except SettingsDiffer:
            raise  # nothing was changed, the summary of the last run included
        except BaseException as error:
            write_failure(folder, about, error)
            raise
        write_summary(folder, summary)
    print_summary(summary, output)
    return report_failures(failures(summary, f"--output {output}", allow_undelivered=args.allow_undelivered))


def _commit_tables(root: str, run_id: str) -> Callable[[type[BaseException] | None, object, object], None]:
    """Return what an ExitStack calls at its end: commit the lake to its Iceberg tables, unless the run failed."""

    def commit(kind: type[BaseException] | None, _error: object, _trace: object) -> None:
        if kind is None:
            commit_lake(root, run_id, commit_id=run_id)

    return commit


def _print_notes(args: argparse.Namespace, ranges: list[FileRange]) -> None:
    size = sum(part.end - part.start for part in ranges)
    notices.print_notes(notices.batch_run_notes(ranges, args.direct_num_workers, args.bigquery_method))
    notices.print_notes(notices.folder_notes(args.input, SUFFIXES))
    notices.print_notes(notices.disk_notes(size * notices.WRITTEN_SHARE, Path(args.output)))


def _run_job(
    args: argparse.Namespace,
    target: Target,
    source: ReadMessages,
    run_id: str,
    started: int,
    options: JobOptions,
    faults: FaultScript | None,
    began: float,
) -> dict[str, Any]:
    """Run the graph on an open target and write the report and the summary; return the summary."""
    folder = Path(target.directory or "")
    about = {"run_id": run_id, "version": pipeline_version(), "started": to_rfc3339(started)}
    size = sum(part.end - part.start for part in source.ranges)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder / WORK, ignore_errors=True)
        endpoints = stack.enter_context(open_stores(target, create=True, faults=faults))
        agreed = KeyOfRun(options.pii_key_version)
        check_settings(endpoints.bigquery, target, window_seconds=args.window_seconds, key=agreed)
        write_summary(folder, {**about, "state": "RUNNING"})
        provision_agreed(endpoints, target, run_id=run_id, window_seconds=args.window_seconds, key=agreed)
        notices.print_notes(filter(None, [add_undelivered_dead_letters(endpoints.bigquery, target)]))
        record = Run(
            run_id=run_id,
            command="local",
            started=started,
            mode="batch",
            source="files",
            configuration=vars(args),
            pii_key_version=options.pii_key_version,
        )
        job = make_job(options, target, write_endpoint=endpoints.write_endpoint, run_id=run_id, started=started)
        finish_killed_runs(endpoints, target, job)
        model = read_model(args, endpoints, target, job)
        counts = stack.enter_context(recorded(endpoints.bigquery, target, record))
        if args.bigquery_method != "STORAGE_WRITE" and endpoints.rest_url:
            stack.enter_context(point_beam_at(endpoints.rest_url, target.project))
        pipeline = make_pipeline(args.runner, args.direct_num_workers)
        batch.build(pipeline, source, job)
        try:
            with show_progress(size, workers=args.direct_num_workers):
                result = run_to_end(pipeline)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"--output {args.output}: {_kept(args, endpoints, target, run_id)}") from None
        except RunFailed as error:
            try:
                undone = undo_run(endpoints, target, run_id)
            except UndoIncomplete as incomplete:
                raise UndoIncomplete(f"{error}; {incomplete}") from error
            raise RunFailed(f"{error}; {undone}") from error
        counted = counters(result)
        exact = args.bigquery_method != "STREAMING_INSERTS"
        summary = {**about, **read_summary(endpoints.bigquery, target, run_id, counted, exact=exact)}
        if model is not None:
            add_to_summary(summary, model, model.rebuild(_silent) if args.overwrite else model.apply_missing())
        summary.update(resources(), state="DONE", seconds=round(time.monotonic() - began, 2))
        counts.messages, counts.events = summary["received"], summary["valid"]
        counts.dead_letters = summary["dead_letters"]
        counts.tables = {name: (table["rows"], table["undelivered"]) for name, table in summary["tables"].items()}
        shown = {name: value for name, value in vars(args).items() if name not in ("run", "pii_key_file")}
        write_report(endpoints.bigquery, target, summary, shown, folder / REPORT)
        problems = list(failures(summary, f"--output {args.output}", allow_undelivered=args.allow_undelivered))
        if problems:
            counts.problem = "; ".join(problems)
            summary.update(state="FAILED", error=counts.problem)
        if problems and folder != Path(args.output):
            raise RunFailed(f"{counts.problem}; the earlier result is kept")
    return summary


def read_model(
    args: argparse.Namespace, endpoints: Endpoints, target: Target, job: JobConfig
) -> ReadModelOfStore | None:
    """Return the read model of the run, reached and up to date in its tables; None if there is none."""
    if args.read_model is None:
        return None
    model = ReadModelOfStore(
        address=args.read_model,
        endpoints=endpoints,
        target=target,
        job=job,
        runner=args.runner,
        workers=args.direct_num_workers,
    )
    model.prepare(any_store=args.overwrite)
    return model


def add_to_summary(summary: dict[str, Any], model: ReadModelOfStore, applied: Applied) -> None:
    """Add to a summary what was brought into the read model."""
    summary["read_model"] = {"address": str(model.address), "rows": applied.rows, "undelivered": applied.undelivered}
    if applied.undelivered:
        summary["undelivered"]["read_model"] = applied.undelivered


def _silent(line: str) -> None:
    """Take a step of a rebuild that nobody waits for."""


def _kept(args: argparse.Namespace, endpoints: Endpoints, target: Target, run_id: str) -> str:
    """Return a sentence on the data that an interrupted run left."""
    if target.directory != Path(args.output):
        return "the earlier result is kept"
    if has_events(endpoints, target, run_id):
        return "its rows are committed"
    return "no row was committed; the next command that writes deletes its files"


def load_faults(path: str) -> FaultScript:
    """Return a fault script; raise UserError if it does not parse."""
    try:
        return FaultScript.load(Path(path))
    except ValueError as error:
        raise UserError(f"--faults {error}") from None
