"""Check an update of a running streaming job before it is requested: the staged graph against the new one."""

import json
from collections.abc import Mapping
from pathlib import Path

from apache_beam.io.filesystem import BeamIOError
from apache_beam.io.filesystems import FileSystems
from apache_beam.portability.api import beam_runner_api_pb2 as api
from google.api_core.exceptions import GoogleAPICallError

from pipelines.dataflow.compatibility import full_mapping, incompatible
from pipelines.dataflow.dataflow import Dataflow, Job
from pipelines.dataflow.templates import DISPATCH, Template
from pipelines.errors import RunFailed, UserError

RENAMED_STEPS: dict[str, str] = {}
"""Steps that a version renamed, old to new, so that a job of an older version can be updated. Labels are state."""


def read_mapping(path: str | None) -> dict[str, str]:
    """Return the renamed steps of this version and of the file."""
    mapping = dict(RENAMED_STEPS)
    if path is not None:
        try:
            given = json.loads(Path(path).read_text())
        except (OSError, ValueError) as error:
            raise UserError(
                f"--transform_name_mapping {path}: cannot be read as JSON ({type(error).__name__})"
            ) from None
        if not isinstance(given, dict) or not all(isinstance(item, str) for pair in given.items() for item in pair):
            raise UserError(f"--transform_name_mapping {path}: must be an object of old step to new step")
        mapping.update(given)
    return mapping


def check_update(
    service: Dataflow, job: Job, template: Template, parameters: Mapping[str, str], renamed: Mapping[str, str]
) -> dict[str, str]:
    """Return the full mapping of step names; raise RunFailed, one line per step, if the update would be rejected."""
    location = service.graph_location(job)
    if not location:
        raise RunFailed(
            f"{job.name}: Dataflow does not report where the running graph is; drain the job and launch it again"
        )
    old, new = read_graph(location), new_graph(service, template, parameters)
    problems = incompatible(old, new, renamed)
    if problems:
        raise RunFailed(f"{job.name} cannot be updated; nothing was sent to Dataflow:\n  " + "\n  ".join(problems))
    return full_mapping(old, renamed)


def read_graph(location: str) -> api.Pipeline:
    """Read a staged graph; raise RunFailed if it does not exist any more (temp buckets delete by age)."""
    try:
        with FileSystems.open(location) as file:
            return api.Pipeline.FromString(file.read())
    except (BeamIOError, GoogleAPICallError, OSError) as error:
        raise RunFailed(f"{location}: the running job's graph cannot be read ({type(error).__name__})") from None


def new_graph(service: Dataflow, template: Template, parameters: Mapping[str, str]) -> api.Pipeline:
    """Build this version's graph for the parameters, without reading any secret."""
    from pipelines.dataflow.launcher_main import graph

    words = [f"--{name}={value}" for name, value in parameters.items() if name != "pii_key_secret"]
    words += [f"--{DISPATCH}={template.name}", "--runner=DataflowRunner", "--job_name=check"]
    words += [f"--project={service.project}", f"--region={service.region}"]
    words += ["--temp_location=gs://none/none", "--sdk_container_image=none/none:0"]
    return graph(words).to_runner_api()
