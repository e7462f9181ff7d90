"""The project itself: is it there, are its services on, is the region one, is there quota for the workers."""

from collections.abc import Iterator

from pipelines.doctor.finding import Deployment, Finding
from pipelines.doctor.google_api import Google, NotThere

SERVICES = (
    "artifactregistry", "bigquery", "bigquerystorage", "cloudresourcemanager", "cloudscheduler", "compute", "dataflow",
    "iam", "iamcredentials", "logging", "monitoring", "pubsub", "secretmanager", "storage", "workflowexecutions",
    "workflows",
)  # fmt: skip


def check_project(google: Google, want: Deployment) -> Iterator[Finding]:
    """Find out whether the project can be used."""
    what = f"project {want.project}"
    mend = f"gcloud projects describe {want.project}"
    try:
        state = google.get("cloudresourcemanager.googleapis.com", f"v3/projects/{want.project}").get("state")
    except NotThere:
        yield Finding(what, "there is none of this id, or you may not see it", mend)
        return
    yield Finding(what) if state == "ACTIVE" else Finding(what, f"is {state}", mend)


def check_services(google: Google, want: Deployment) -> Iterator[Finding]:
    """Find out whether every API that the pipelines call is on."""
    names = [f"projects/{want.project}/services/{name}.googleapis.com" for name in SERVICES]
    found = google.get("serviceusage.googleapis.com", f"v1/projects/{want.project}/services:batchGet", names=names)
    on = {one["name"].rsplit("/", 1)[-1] for one in found.get("services", []) if one.get("state") == "ENABLED"}
    for name in SERVICES:
        service = f"{name}.googleapis.com"
        mend = f"gcloud services enable {service} --project={want.project}"
        yield Finding(f"API {service}") if service in on else Finding(f"API {service}", "is off", mend)


def check_region(google: Google, want: Deployment) -> Iterator[Finding]:
    """Find out whether the region is one, and has room for all workers."""
    what = f"region {want.region}"
    try:
        region = google.get("compute.googleapis.com", f"compute/v1/projects/{want.project}/regions/{want.region}")
    except NotThere:
        yield Finding(what, "is no region of Google Cloud", f"gcloud compute regions list --project={want.project}")
        return
    yield Finding(what) if region.get("status") == "UP" else Finding(what, f"is {region.get('status')}", "use another")
    left = {one["metric"]: float(one["limit"]) - float(one["usage"]) for one in region.get("quotas", [])}
    needs = {"CPUS": want.cores, "INSTANCES": want.max_workers}
    if want.public_ips:
        needs["IN_USE_ADDRESSES"] = want.max_workers
    for metric, need in needs.items():
        what = f"quota {metric} in {want.region}: {need} for {want.max_workers} {want.machine_type}"
        room = left.get(metric)
        if room is None or room >= need:
            yield Finding(what)
        else:
            yield Finding(
                what,
                f"only {room:g} are left",
                f"lower --max_workers, or ask: console.cloud.google.com/iam-admin/quotas?project={want.project}",
            )
