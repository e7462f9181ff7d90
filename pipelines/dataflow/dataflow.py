"""Call Google's Dataflow client: launch a template, find, stop and read jobs."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlparse

from google.api_core.exceptions import GoogleAPICallError
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import DefaultCredentialsError
from google.cloud import dataflow_v1beta3 as dataflow
from google.cloud.dataflow_v1beta3.services.flex_templates_service.transports.rest import (
    FlexTemplatesServiceRestTransport,
)
from google.cloud.dataflow_v1beta3.services.jobs_v1_beta3.transports.rest import JobsV1Beta3RestTransport
from google.protobuf.field_mask_pb2 import FieldMask

from pipelines.dataflow.templates import GOOGLE as GOOGLE
from pipelines.errors import RunFailed, UserError

LIVE = ("JOB_STATE_RUNNING", "JOB_STATE_PENDING", "JOB_STATE_QUEUED", "JOB_STATE_DRAINING", "JOB_STATE_CANCELLING")
TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True)
class Job:
    """One job in a list."""

    id: str
    name: str
    state: str
    streaming: bool
    created: str


class Dataflow:
    """The service in one project and region. An `http://` endpoint is called without credentials."""

    def __init__(self, project: str, region: str, endpoint: str = GOOGLE) -> None:
        self.project, self.region = project, region
        url = urlparse(endpoint)
        if url.scheme not in ("http", "https") or not url.netloc:
            raise UserError(f"--dataflow_endpoint {endpoint}: is not http(s)://HOST[:PORT]")
        more = {"credentials": AnonymousCredentials()} if url.scheme == "http" else {}
        try:
            self._templates = dataflow.FlexTemplatesServiceClient(
                transport=FlexTemplatesServiceRestTransport(host=url.netloc, url_scheme=url.scheme, **more)
            )
            self._jobs = dataflow.JobsV1Beta3Client(
                transport=JobsV1Beta3RestTransport(host=url.netloc, url_scheme=url.scheme, **more)
            )
        except DefaultCredentialsError:
            raise UserError(
                f"--project {project}: no Google credentials found; run `gcloud auth application-default login`"
            ) from None

    def launch(self, request: dataflow.LaunchFlexTemplateRequest) -> Job:
        """Launch a template and return its job, which is queued."""
        try:
            return _job(self._templates.launch_flex_template(request, timeout=TIMEOUT_SECONDS).job)
        except GoogleAPICallError as error:
            raise RunFailed(f"Dataflow rejected the launch: {error.message}") from None

    def jobs(self, name: str | None = None, active: bool = True) -> Iterator[Job]:
        """Yield jobs in the service's order."""
        kind = dataflow.ListJobsRequest.Filter.ACTIVE if active else dataflow.ListJobsRequest.Filter.ALL
        request = dataflow.ListJobsRequest(project_id=self.project, location=self.region, filter=kind)
        try:
            for item in self._jobs.list_jobs(request, timeout=TIMEOUT_SECONDS):
                job = _job(item)
                if (name is None or job.name == name) and (not active or job.state in LIVE):
                    yield job
        except GoogleAPICallError as error:
            raise RunFailed(f"Dataflow did not list the jobs: {error.message}") from None

    def running(self, name: str) -> Job | None:
        """Return the running job with a name; Dataflow allows one."""
        return next(self.jobs(name), None)

    def stop(self, job: Job, state: str) -> None:
        """Request JOB_STATE_DRAINED or JOB_STATE_CANCELLED."""
        request = dataflow.UpdateJobRequest(
            project_id=self.project,
            location=self.region,
            job_id=job.id,
            job=dataflow.Job(requested_state=dataflow.JobState[state]),
        )
        try:
            self._jobs.update_job(request, timeout=TIMEOUT_SECONDS)
        except GoogleAPICallError as error:
            raise RunFailed(f"Dataflow did not stop {job.name}: {error.message}") from None

    def scale(self, job: Job, fewest: int | None, most: int | None, utilization: float | None) -> None:
        """Change the bounds of autoscaling of a running job, without an update of its graph.

        The same as `gcloud dataflow jobs update-options`; None leaves a value unchanged.
        """
        given = {"min_num_workers": fewest, "max_num_workers": most, "worker_utilization_hint": utilization}
        changed = {name: value for name, value in given.items() if value is not None}
        request = dataflow.UpdateJobRequest(
            project_id=self.project,
            location=self.region,
            job_id=job.id,
            job=dataflow.Job(runtime_updatable_params=dataflow.RuntimeUpdatableParams(changed)),
            update_mask=FieldMask(paths=[f"runtime_updatable_params.{name}" for name in changed]),
        )
        try:
            self._jobs.update_job(request, timeout=TIMEOUT_SECONDS)
        except GoogleAPICallError as error:
            raise RunFailed(f"Dataflow did not change {job.name}: {error.message}") from None

    def graph_location(self, job: Job) -> str | None:
        """Return where the job's graph was staged (gs://…/pipeline.pb), None if the service does not report it."""
        request = dataflow.GetJobRequest(
            project_id=self.project, location=self.region, job_id=job.id, view=dataflow.JobView.JOB_VIEW_ALL
        )
        try:
            found = self._jobs.get_job(request, timeout=TIMEOUT_SECONDS)
        except GoogleAPICallError as error:
            raise RunFailed(f"Dataflow did not show {job.name}: {error.message}") from None
        options = dict(found.environment.sdk_pipeline_options or {}).get("options") or {}
        return dict(options).get("pipelineUrl")


def _job(found: dataflow.Job) -> Job:
    created = found.create_time.isoformat(timespec="seconds") if found.create_time else ""
    streaming = found.type_ == dataflow.JobType.JOB_TYPE_STREAMING
    return Job(found.id, found.name, dataflow.JobState(found.current_state).name, streaming, created)
