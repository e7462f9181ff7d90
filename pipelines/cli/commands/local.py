"""The command `local`: the main job over files on this machine, into one DuckDB file and a lake of files."""

import argparse
import json
import shutil
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from pipelines import batch
from pipelines.bigquery_emulator.beam_endpoint import point_beam_at
from pipelines.bigquery_emulator.faults.script import FaultScript
from pipelines.cli import notices as advice
from pipelines.cli.print_summary import print_summary
from pipelines.cli.progress import show_progress
from pipelines.cli.run_summary import difference, read_summary, resources
from pipelines.config import JobConfig
from pipelines.errors import RunFailed, UserError
from pipelines.inputs import SUFFIXES, plan_inputs
from pipelines.job import make_job, run_id_of
from pipelines.options import add_job_arguments, parse_moment, positive, read_key, run_name
from pipelines.report import write_report
from pipelines.runners.direct import RUNNERS, counters, make_pipeline, run_to_end
from pipelines.stores.provision.provision import provision
from pipelines.stores.target import Endpoints, Target
from schemas.timestamps import to_rfc3339
from transforms.clock import wall_us
from transforms.sources.file_ranges import FORMATS
from transforms.sources.read_files import ReadMessages

HELP = "Run the main job over files, on this machine: the same graph that runs on Dataflow, with files as its source."
OWN = ("warehouse.duckdb", "lake", "report.html", "summary.json")
"""All that a run writes into its output folder."""
WORK = ".work"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `local`."""
    parser.add_argument("--input", nargs="+", required=True, metavar="DIR|FILE", help="files or folders to read")
    parser.add_argument("--output", required=True, metavar="DIR", help="folder for warehouse, lake, report and summary")
    again = parser.add_mutually_exclusive_group()
    again.add_argument("--overwrite", action="store_true", help="replace what an earlier run left in --output")
    again.add_argument("--append", action="store_true", help="add to what earlier runs left; views count an event once")
    parser.add_argument("--format", choices=FORMATS, default="auto", help="messages, or plain events one a line")
    parser.add_argument(
        "--as_of", metavar="T", help="publish time of plain events, RFC 3339 (default: the run's start)"
    )
    parser.add_argument(
        "--run_id", type=run_name, help="name of the run in every row (default: its start and six random digits)"
    )
    parser.add_argument("--runner", choices=RUNNERS, default=RUNNERS[0], help="the Beam runner")
    parser.add_argument("--direct_num_workers", type=positive, default=1, help="worker processes")
    parser.add_argument("--faults", metavar="FILE", help="make the local BigQuery sick by this script (docs/faults.md)")
    add_job_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Run the job; return 0, or 1 where the run failed or its messages do not add up."""
    began, started = time.monotonic(), wall_us()
    as_of = parse_moment("as_of", args.as_of) if args.as_of else started
    key = read_key(args.pii_key_file)
    faults = load_faults(args.faults) if args.faults else None
    if "://" in args.output:
        raise UserError(f"--output {args.output}: is no folder of this machine; `launch replay` runs in the cloud")
    ranges = plan_inputs(args.input, args.format)
    size = sum(part.end - part.start for part in ranges)
    advice.say(advice.of_bounded_run(ranges, args.direct_num_workers, args.bigquery_method))
    advice.say(advice.of_folders(args.input, SUFFIXES))
    advice.say(advice.of_disk(size * advice.WRITTEN_SHARE, Path(args.output)))
    target = Target.local(Path(args.output))
    output = prepare_output(Path(args.output), overwrite=args.overwrite, append=args.append)
    run_id = run_id_of(args, started)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, output / WORK, ignore_errors=True)
        endpoints = stack.enter_context(target.open(create=True, faults=faults))
        provision(endpoints, target, window_seconds=args.window_seconds)
        job = make_job(args, target, endpoints.write_endpoint, run_id, started, key)
        if args.bigquery_method != "STORAGE_WRITE" and endpoints.rest_url:
            stack.enter_context(point_beam_at(endpoints.rest_url, target.project))
        pipeline = make_pipeline(args.runner, args.direct_num_workers)
        batch.build(pipeline, ReadMessages(ranges=ranges, as_of=as_of), job)
        try:
            with show_progress(size, workers=args.direct_num_workers):
                result = run_to_end(pipeline)
        except KeyboardInterrupt:
            shutil.rmtree(output / WORK, ignore_errors=True)
            kept = "no row was committed" if not _committed(endpoints, target) else "committed rows are kept"
            raise KeyboardInterrupt(
                f"--output {output}: {kept}; files of the lake are kept, run again with --overwrite"
            ) from None
        summary = _summarize(endpoints, target, job, counters(result))
        summary.update(resources(), seconds=round(time.monotonic() - began, 2))
        options = {name: value for name, value in vars(args).items() if name not in ("run", "pii_key_file")}
        write_report(endpoints.bigquery, target, summary, options, output / "report.html")
    (output / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    print_summary(summary, output)
    if summary["difference"]:
        raise RunFailed(summary["difference"])
    return 0


def load_faults(path: str) -> FaultScript:
    """Return a fault script; raise UserError where it does not parse."""
    try:
        return FaultScript.load(Path(path))
    except ValueError as error:
        raise UserError(f"--faults {error}") from None


def prepare_output(output: Path, *, overwrite: bool, append: bool = False) -> Path:
    """Return the output folder, empty of an earlier run; raise UserError where that was not asked for."""
    if output.exists() and not output.is_dir():
        raise UserError(f"--output {output}: is a file, a folder is needed")
    found = sorted(path.name for path in output.iterdir()) if output.exists() else []
    if found and not overwrite and not append:
        raise UserError(
            f"--output {output}: the folder is not empty; --overwrite replaces what a run left, --append adds"
        )
    for name in (
        () if append else (*OWN, WORK, "warehouse.duckdb.wal", "warehouse.address.json", "warehouse.duckdb.pending")
    ):
        path = output / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--output {output}: cannot be made ({error.strerror})") from None
    return output


def _committed(endpoints: Endpoints, target: Target) -> bool:
    sql = f"SELECT COUNT(*) AS n FROM `{target.table('event_store', 'events')}`"
    return any(row.n for row in endpoints.bigquery.query(sql).result())


def _summarize(endpoints: Endpoints, target: Target, job: JobConfig, counted: dict[str, int]) -> dict[str, Any]:
    summary = read_summary(endpoints.bigquery, target, job.run.run_id, counted)
    about = {"run_id": job.run.run_id, "version": job.run.version, "started": to_rfc3339(job.run.started)}
    return {**about, **summary, "difference": difference(summary)}
