"""The command `launch`: start, update, scale, drain, cancel and list Dataflow jobs of the templates.

An update is checked here first: Dataflow reports an incompatible graph only minutes later, and Beam would wait for ever
for a job that is not running.
"""

import argparse
import json
from collections.abc import Callable
from datetime import UTC, datetime

from pipelines.cli.arguments.launch import default_job_name
from pipelines.dataflow.dataflow import Dataflow, Job
from pipelines.dataflow.launch_request import (
    LaunchOptions,
    check_bounds,
    check_job_name,
    check_parameters,
    launch_request,
    read_spec,
)
from pipelines.dataflow.launch_rules import check_rules
from pipelines.dataflow.metadata import metadata
from pipelines.dataflow.templates import TEMPLATES
from pipelines.dataflow.update_check import check_update, read_mapping
from pipelines.errors import UserError
from pipelines.read_options import read_options
from pipelines.version import pipeline_version

STOPS = {"drain": "JOB_STATE_DRAINED", "cancel": "JOB_STATE_CANCELLED"}


def run(args: argparse.Namespace) -> int:
    """Run the sub-command; return 0."""
    actions: dict[str, Callable[[argparse.Namespace], None]] = {
        "list": _list,
        "scale": _scale,
        "drain": _stop,
        "cancel": _stop,
    }
    actions.get(args.what, _launch)(args)
    return 0


def parameters_of(args: argparse.Namespace) -> dict[str, str]:
    """Return the given parameters of the template."""
    found = (
        (name.removeprefix("parameter_"), value) for name, value in vars(args).items() if name.startswith("parameter_")
    )
    return {name: value for name, value in found if value is not None}


def _launch(args: argparse.Namespace) -> None:
    template, parameters = TEMPLATES[args.what], parameters_of(args)
    if not args.spec.startswith("gs://"):
        raise UserError(f"--spec {args.spec}: must be gs://BUCKET/FILE")
    spec = None if args.dry_run else read_spec(args.spec)
    check_parameters(metadata(template) if spec is None else spec["metadata"], parameters)
    check_rules(template, parameters, args.project)
    name = check_job_name(args.job_name or default_job_name(template, datetime.now(UTC)))
    mapping: dict[str, str] = {}
    update = template.streaming and args.update
    service = None if args.dry_run and not update else Dataflow(args.project, args.region, args.dataflow_endpoint)
    if service is not None:
        running = service.running(name)
        if update and running is None:
            raise UserError(f"--update: no job {name} runs in {args.region}; omit --update to start it")
        if not update and running is not None:
            raise UserError(
                f"--job_name {name}: is already running ({running.id}); --update replaces it, `launch drain` ends it"
            )
        if update and running is not None:
            mapping = check_update(service, running, template, parameters, read_mapping(args.transform_name_mapping))
            print(f"{name}: the new graph can replace {running.id}")
    image = "" if spec is None else spec["image"]
    request = launch_request(read_options(LaunchOptions, vars(args)), template, parameters, name, mapping, image)
    if args.dry_run:
        made = type(request).to_json(request, use_integers_for_enums=False, including_default_value_fields=False)
        print(json.dumps(json.loads(made), indent=2))
        print(f"dry run: nothing was launched (version {pipeline_version()})")
        return
    assert service is not None
    print(_line(service.launch(request)))


def _list(args: argparse.Namespace) -> None:
    service = Dataflow(args.project, args.region, args.dataflow_endpoint)
    for job in service.jobs(args.job_name, active=not args.all):
        print(_line(job))


def _scale(args: argparse.Namespace) -> None:
    if args.min_workers is None and args.max_workers is None and args.utilization is None:
        raise UserError("--min_workers, --max_workers, --utilization: at least one is needed")
    check_bounds(args.min_workers, None, args.max_workers)
    service = Dataflow(args.project, args.region, args.dataflow_endpoint)
    job = service.running(args.job_name)
    if job is None:
        raise UserError(f"--job_name {args.job_name}: no such job is running in {args.region}")
    if not job.streaming:
        raise UserError(f"--job_name {args.job_name}: is a batch job; only streaming jobs change while they run")
    service.scale(job, args.min_workers, args.max_workers, args.utilization)
    print(f"scale asked for: {job.name} {job.id}")


def _stop(args: argparse.Namespace) -> None:
    service = Dataflow(args.project, args.region, args.dataflow_endpoint)
    job = service.running(args.job_name)
    if job is None:
        raise UserError(f"--job_name {args.job_name}: no such job is running in {args.region}")
    if args.what == "drain" and not job.streaming:
        raise UserError(f"--job_name {args.job_name}: is a batch job, which cannot be drained; `launch cancel` ends it")
    service.stop(job, STOPS[args.what])
    print(f"{args.what} requested: {job.name} {job.id}")


def _line(job: Job) -> str:
    return f"{job.name:<32} {job.id:<44} {job.state.removeprefix('JOB_STATE_').lower():<12} {job.created}".rstrip()
