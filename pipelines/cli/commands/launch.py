"""The command `launch`: start, update, drain, cancel and list Dataflow jobs of the templates.

An update is checked here first: Dataflow reports an incompatible graph only minutes later, and Beam would wait for ever
for a job that is not running.
"""

import argparse
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from pipelines.dataflow.dataflow import GOOGLE, Dataflow, Job
from pipelines.dataflow.launch_request import check_job_name, check_parameters, launch_request, read_spec
from pipelines.dataflow.metadata import metadata
from pipelines.dataflow.templates import DISPATCH, TEMPLATES, Template
from pipelines.dataflow.update_check import check_update, read_mapping
from pipelines.errors import UserError
from pipelines.options import positive
from pipelines.version import pipeline_version

HELP = "Launch a flex template on Dataflow, update or stop its job, or list jobs."
STOPS = {"drain": "JOB_STATE_DRAINED", "cancel": "JOB_STATE_CANCELLED"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add a sub-command per template, and those that drain, cancel and list jobs."""
    whats = parser.add_subparsers(title="what", metavar="WHAT", required=True, dest="what")
    for name, template in TEMPLATES.items():
        one = _sub(whats, name, template.description)
        _add_parameters(one, template)
        _add_environment(one, template)
    for name, words in (
        ("list", "list jobs"),
        ("drain", "process what was read, then end: nothing is lost"),
        ("cancel", "end at once: in-flight messages are delivered again"),
    ):
        one = _sub(whats, name, words)
        if name == "list":
            one.add_argument("--all", action="store_true", help="list ended jobs too")
        one.add_argument("--job_name", required=name != "list", metavar="J", help="name of the job")


def run(args: argparse.Namespace) -> int:
    """Run the sub-command; return 0."""
    actions: dict[str, Callable[[argparse.Namespace], None]] = {"list": _list, "drain": _stop, "cancel": _stop}
    actions.get(args.what, _launch)(args)
    return 0


def _sub(whats: Any, name: str, words: str) -> argparse.ArgumentParser:
    one: argparse.ArgumentParser = whats.add_parser(name, help=words, description=words)
    one.add_argument("--project", required=True, metavar="P", help="the Google Cloud project")
    one.add_argument("--region", required=True, metavar="R", help="the Dataflow region, such as europe-west1")
    one.add_argument(
        "--dataflow_endpoint",
        default=GOOGLE,
        metavar="URL",
        help="endpoint of the service; http:// is called without credentials",
    )
    return one


def _add_parameters(parser: argparse.ArgumentParser, template: Template) -> None:
    groups: dict[str, argparse._ArgumentGroup] = {}
    for parameter in metadata(template)["parameters"]:
        if parameter["name"] == DISPATCH:
            continue
        title = parameter["groupName"]
        if title not in groups:
            groups[title] = parser.add_argument_group(f"parameters: {title}")
        text = parameter["helpText"].replace("%", "%%")
        if "defaultValue" in parameter:
            text += f" (default: {parameter['defaultValue']})".replace("%", "%%")
        groups[title].add_argument(
            f"--{parameter['name']}", dest=f"parameter_{parameter['name']}", metavar="V", help=text
        )


def _add_environment(parser: argparse.ArgumentParser, template: Template) -> None:
    group = parser.add_argument_group("the job and its workers")
    add = group.add_argument
    add("--spec", required=True, metavar="gs://…", help="the container spec, written by `template-spec`")
    add("--job_name", metavar="J", help=f"default: {default_job_name(template, None)}")
    add("--temp_location", metavar="gs://…", help="location of Dataflow's temporary files")
    add(
        "--staging_location",
        metavar="gs://…",
        help="location of staged graphs; an update reads the running job's graph there (default: temp)",
    )
    add("--service_account_email", metavar="SA", help="service account of the workers")
    add("--machine_type", default="n2-standard-2", metavar="M", help="machine type of the workers")
    add("--num_workers", type=positive, metavar="N", help="initial number of workers (default: Dataflow decides)")
    add("--max_workers", type=positive, default=10, metavar="N", help="maximum number of workers")
    add("--network", metavar="N", help="VPC network")
    add("--subnetwork", metavar="S", help="regions/R/subnetworks/S, with Private Google Access")
    add("--public_ips", action="store_true", help="give workers public addresses; they need none")
    add("--kms_key_name", metavar="K", help="customer-managed key of the job's state and disks")
    add("--worker_zone", metavar="Z", help="zone of the workers (default: Dataflow chooses)")
    add("--launcher_machine_type", metavar="M", help="machine type of the short-lived launcher")
    add("--label", action="append", default=[], metavar="NAME=VALUE", help="label of job and workers; may be repeated")
    add("--experiment", action="append", default=[], metavar="E", help="a Dataflow experiment; may be repeated")
    if template.streaming:
        add("--min_workers", type=positive, metavar="N", help="minimum number of workers (default: 1)")
        add("--streaming_mode", choices=("exactly_once", "at_least_once"), default="exactly_once",
            help="at_least_once is cheaper; the views count each event once either way")  # fmt: skip
        add("--update", action="store_true", help="replace the running job of this name, keeping its state")
        add(
            "--transform_name_mapping",
            metavar="FILE",
            help='JSON object of renamed steps, old to new; "" drops a step with its state',
        )
    else:
        add("--flexrs", action="store_true", help="flexible resource scheduling: cheaper, may start hours later")
    add("--dry_run", action="store_true", help="check, print the request, launch nothing")


def default_job_name(template: Template, now: datetime | None) -> str:
    """Return a default job name: streaming jobs have a fixed one, others carry their start time."""
    if template.streaming:
        return f"event-pipelines-{template.name}"
    return f"event-pipelines-{template.name}-" + (f"{now:%Y%m%d-%H%M%S}" if now else "YYYYMMDD-HHMMSS")


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
    request = launch_request(args, template, parameters, name, mapping, image)
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


def _stop(args: argparse.Namespace) -> None:
    service = Dataflow(args.project, args.region, args.dataflow_endpoint)
    job = service.running(args.job_name)
    if job is None:
        raise UserError(f"--job_name {args.job_name}: no such job is running in {args.region}")
    if args.what == "drain" and not job.streaming:
        raise UserError(f"--job_name {args.job_name}: is a batch job, which cannot be drained; `launch cancel` ends it")
    service.stop(job, STOPS[args.what])
    print(f"{args.what} asked for: {job.name} {job.id}")


def _line(job: Job) -> str:
    return f"{job.name:<32} {job.id:<44} {job.state.removeprefix('JOB_STATE_').lower():<12} {job.created}".rstrip()
