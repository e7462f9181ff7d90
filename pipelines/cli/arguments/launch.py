"""The options of the command `launch`."""

import argparse
from datetime import datetime
from typing import Any

from pipelines.dataflow.metadata import metadata
from pipelines.dataflow.templates import DISPATCH, GOOGLE, TEMPLATES, Template
from pipelines.options import positive

HELP = "Launch a flex template on Dataflow, update or stop its job, or list jobs."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add a sub-command per template, and those that drain, cancel and list jobs."""
    whats = parser.add_subparsers(title="what", metavar="WHAT", required=True, dest="what")
    for name, template in TEMPLATES.items():
        command = _sub(whats, name, template.description)
        _add_parameters(command, template)
        _add_environment(command, template)
    for name, words in (
        ("list", "list jobs"),
        ("scale", "change the number of workers of a running streaming job, without an update"),
        ("drain", "process what was read, then end: nothing is lost"),
        ("cancel", "end at once: in-flight messages are delivered again"),
    ):
        command = _sub(whats, name, words)
        if name == "list":
            command.add_argument("--all", action="store_true", help="list ended jobs too")
        if name == "scale":
            _add_scale(command)
        command.add_argument("--job_name", required=name != "list", metavar="J", help="name of the job")


def _sub(whats: Any, name: str, words: str) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = whats.add_parser(name, help=words, description=words)
    command.add_argument("--project", required=True, metavar="P", help="the Google Cloud project")
    command.add_argument("--region", required=True, metavar="R", help="the Dataflow region, such as europe-west1")
    command.add_argument(
        "--dataflow_endpoint",
        default=GOOGLE,
        metavar="URL",
        help="endpoint of the service; http:// is called without credentials",
    )
    return command


def _add_scale(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--min_workers", type=positive, metavar="N", help="minimum number of workers")
    parser.add_argument("--max_workers", type=positive, metavar="N", help="maximum number of workers")
    parser.add_argument(
        "--utilization", type=share, metavar="U", help="share of CPU that autoscaling aims at, from 0.1 to 0.9"
    )


def share(text: str) -> float:
    """Parse a share of CPU that Dataflow takes as a hint."""
    value = float(text)
    if not 0.1 <= value <= 0.9:
        raise argparse.ArgumentTypeError(f"{text} is not from 0.1 to 0.9")
    return value


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
    add(
        "--subnetwork",
        metavar="S",
        help="regions/R/subnetworks/S, with Private Google Access; of a Shared VPC projects/HOST/regions/R/subnetworks/S",
    )
    add("--public_ips", action="store_true", help="give workers public addresses; they need none")
    add("--kms_key_name", metavar="K", help="customer-managed key of the job's state and disks")
    add("--worker_zone", metavar="Z", help="zone of the workers (default: Dataflow chooses)")
    add(
        "--launcher_machine_type", default="n2-standard-2", metavar="M", help="machine type of the short-lived launcher"
    )
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
