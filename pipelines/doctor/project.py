"""Check the project: it exists, its APIs are enabled, the region exists, the quota suffices for the workers."""

from collections.abc import Iterator

from pipelines.doctor.finding import Deployment, Finding
from pipelines.doctor.google_api import Google, NotFound

SERVICES = (
    "artifactregistry", "bigquery", "bigquerystorage", "cloudresourcemanager", "cloudscheduler", "compute", "dataflow",
    "iam", "iamcredentials", "logging", "monitoring", "pubsub", "secretmanager", "storage", "workflowexecutions",
    "workflows",
)  # fmt: skip


def check_project(google: Google, want: Deployment) -> Iterator[Finding]:
    """Check that the project can be used."""
    what = f"project {want.project}"
    fix = f"gcloud projects describe {want.project}"
    try:
        state = google.get("cloudresourcemanager.googleapis.com", f"v3/projects/{want.project}").get("state")
    except NotFound:
        yield Finding(what, "does not exist, or you may not see it", fix)
        return
    yield Finding(what) if state == "ACTIVE" else Finding(what, f"is {state}", fix)


def check_services(google: Google, want: Deployment) -> Iterator[Finding]:
    """Check that every API that the pipelines call is enabled."""
    names = [f"projects/{want.project}/services/{name}.googleapis.com" for name in SERVICES]
    found = google.get("serviceusage.googleapis.com", f"v1/projects/{want.project}/services:batchGet", names=names)
    on = {entry["name"].rsplit("/", 1)[-1] for entry in found.get("services", []) if entry.get("state") == "ENABLED"}
    for name in SERVICES:
        service = f"{name}.googleapis.com"
        fix = f"gcloud services enable {service} --project={want.project}"
        yield Finding(f"API {service}") if service in on else Finding(f"API {service}", "is not enabled", fix)


def check_region(google: Google, want: Deployment) -> Iterator[Finding]:
    """Check that the region exists and has quota for all workers."""
    what = f"region {want.region}"
    try:
        region = google.get("compute.googleapis.com", f"compute/v1/projects/{want.project}/regions/{want.region}")
    except NotFound:
        yield Finding(what, "is not a region of Google Cloud", f"gcloud compute regions list --project={want.project}")
        return
    yield Finding(what) if region.get("status") == "UP" else Finding(what, f"is {region.get('status')}", "use another")
    left = {quota["metric"]: float(quota["limit"]) - float(quota["usage"]) for quota in region.get("quotas", [])}
    needs = {"CPUS": want.cores, "INSTANCES": want.max_workers}
    if want.public_ips:
        needs["IN_USE_ADDRESSES"] = want.max_workers
    for metric, need in needs.items():
        what = f"quota {metric} in {want.region}: {need} for {want.max_workers} {want.machine_type}"
        remaining = left.get(metric)
        if remaining is None or remaining >= need:
            yield Finding(what)
        else:
            yield Finding(
                what,
                f"only {remaining:g} left",
                f"lower --max_workers, or ask: console.cloud.google.com/iam-admin/quotas?project={want.project}",
            )
