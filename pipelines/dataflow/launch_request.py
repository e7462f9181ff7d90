"""The launch request: a template's spec and parameters, checked as the service does, and its environment."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from apache_beam.io.filesystem import BeamIOError
from apache_beam.io.filesystems import FileSystems
from google.api_core.exceptions import GoogleAPICallError
from google.cloud import dataflow_v1beta3 as dataflow
from google.protobuf.json_format import ParseError

from pipelines.dataflow.metadata import check_spec
from pipelines.dataflow.places import check_kms_key, check_zone, subnetwork_url
from pipelines.dataflow.templates import DISPATCH, Template
from pipelines.errors import UserError

JOB_NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
PRIVATE = "WORKER_IP_PRIVATE"


@dataclass(frozen=True, kw_only=True)
class LaunchOptions:
    """The options of `launch` for a job and its workers, as parsed; those with a default are not in every template."""

    project: str
    region: str
    spec: str
    temp_location: str | None
    staging_location: str | None
    service_account_email: str | None
    machine_type: str
    num_workers: int | None
    max_workers: int
    network: str | None
    subnetwork: str | None
    public_ips: bool
    kms_key_name: str | None
    worker_zone: str | None
    launcher_machine_type: str | None
    label: tuple[str, ...]
    experiment: tuple[str, ...]
    min_workers: int | None = None
    streaming_mode: str = "exactly_once"
    update: bool = False
    flexrs: bool = False


def check_parameters(metadata: Mapping[str, Any], given: Mapping[str, str]) -> None:
    """Raise UserError, naming the option, for a parameter that the service would reject or that is missing."""
    for parameter in metadata["parameters"]:
        name = parameter["name"]
        if name not in given:
            if not parameter["isOptional"] and name != DISPATCH:
                raise UserError(f"--{name}: must be given: {parameter['helpText']}")
            continue
        value = given[name]
        for pattern in parameter.get("regexes", []):
            if not re.fullmatch(pattern, value):
                raise UserError(f"--{name} {value}: does not match {pattern}")
        choices = [option["value"] for option in parameter.get("enumOptions", [])]
        if choices and value not in choices:
            raise UserError(f"--{name} {value}: must be one of {', '.join(choices)}")


def environment(options: LaunchOptions, template: Template) -> dataflow.FlexTemplateRuntimeEnvironment:
    """Return the environment for the options, with safe defaults. Raise UserError for bounds out of order."""
    least = options.min_workers
    check_bounds(least, options.num_workers, options.max_workers)
    made = dataflow.FlexTemplateRuntimeEnvironment(
        temp_location=options.temp_location or "",
        staging_location=options.staging_location or "",
        machine_type=options.machine_type,
        max_workers=options.max_workers,
        num_workers=options.num_workers or 0,
        service_account_email=options.service_account_email or "",
        network=options.network or "",
        subnetwork=subnetwork_url(options.subnetwork, options.region) if options.subnetwork else "",
        kms_key_name=check_kms_key(options.kms_key_name, options.region) if options.kms_key_name else "",
        worker_zone=check_zone(options.worker_zone, options.region) if options.worker_zone else "",
        ip_configuration=dataflow.WorkerIPAddressConfiguration["WORKER_IP_PUBLIC" if options.public_ips else PRIVATE],
        enable_streaming_engine=template.streaming,
        additional_experiments=[*options.experiment, *([f"min_num_workers={least}"] if least else [])],
        additional_user_labels={"application": "event-pipelines", "template": template.name, **labels(options.label)},
        launcher_machine_type=options.launcher_machine_type or "",
    )
    if template.streaming:
        made.autoscaling_algorithm = dataflow.AutoscalingAlgorithm.AUTOSCALING_ALGORITHM_BASIC
        made.streaming_mode = dataflow.StreamingMode[f"STREAMING_MODE_{options.streaming_mode.upper()}"]
    elif options.flexrs:
        made.flexrs_goal = dataflow.FlexResourceSchedulingGoal.FLEXRS_COST_OPTIMIZED
    return made


def launch_request(
    options: LaunchOptions,
    template: Template,
    parameters: Mapping[str, str],
    job_name: str,
    mapping: Mapping[str, str],
    image: str = "",
) -> dataflow.LaunchFlexTemplateRequest:
    """Return the whole request; workers run `image`, the launcher's own."""
    made = environment(options, template)
    made.sdk_container_image = image
    return dataflow.LaunchFlexTemplateRequest(
        project_id=options.project,
        location=options.region,
        launch_parameter=dataflow.LaunchFlexTemplateParameter(
            job_name=job_name,
            container_spec_gcs_path=options.spec,
            parameters={DISPATCH: template.name, **parameters},
            environment=made,
            update=options.update,
            transform_name_mappings=dict(mapping),
        ),
    )


def check_bounds(least: int | None, first: int | None, most: int | None) -> None:
    """Raise UserError if numbers of workers are out of order: min, num, max."""
    for low, high, name in ((least, first, "num_workers"), (least, most, "max_workers"), (first, most, "max_workers")):
        if low is not None and high is not None and low > high:
            raise UserError(f"--{name} {high}: must be at least {low}; the bounds are min, num, max")


def read_spec(path: str) -> dict[str, Any]:
    """Return the container spec that the launch will use; raise UserError if it does not exist or is not one of this project."""
    try:
        with FileSystems.open(path) as file:
            spec: dict[str, Any] = json.loads(file.read())
        check_spec(spec)
    except (BeamIOError, GoogleAPICallError, OSError) as error:
        raise UserError(f"--spec {path}: cannot be read ({type(error).__name__}); `template-spec` writes it") from None
    except (ValueError, ParseError) as error:
        raise UserError(f"--spec {path}: is not a container spec ({str(error).splitlines()[0]})") from None
    return spec


def labels(pairs: Sequence[str]) -> dict[str, str]:
    """Parse NAME=VALUE pairs as labels of Google Cloud."""
    found = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        if not re.fullmatch(r"[a-z][a-z0-9_-]{0,62}", name) or not re.fullmatch(r"[a-z0-9_-]{0,63}", value):
            raise UserError(f"--label {pair}: must be NAME=VALUE in lower-case letters, digits, - and _")
        found[name] = value
    return found


def check_job_name(name: str) -> str:
    """Return a job's name; raise UserError for a name that Dataflow rejects."""
    if not JOB_NAME.fullmatch(name):
        raise UserError(
            f"--job_name {name}: must be at most 63 lower-case letters, digits and -, beginning with a letter"
        )
    return name
