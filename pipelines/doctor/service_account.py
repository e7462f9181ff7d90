"""Check the workers' service account, its permissions (by testIamPermissions, as that account) and keys."""

from collections.abc import Iterator

from pipelines.doctor.finding import Deployment, Finding
from pipelines.doctor.google_api import Google, Json, NotFound, PermissionDenied
from pipelines.doctor.image import repository

WORKER_ROLE_PERMISSIONS = [
    "bigquery.datasets.create",
    "bigquery.jobs.create",
    "dataflow.workItems.lease",
    "dataflow.workItems.sendMessage",
    "dataflow.workItems.update",
    "logging.logEntries.create",
    "monitoring.timeSeries.create",
]


def check_worker(google: Google, want: Deployment) -> Iterator[Finding]:
    """Check that the workers' service account exists and has every permission that the pipelines use."""
    what = f"service account {want.worker}"
    create = f"gcloud iam service-accounts create {want.worker.split('@')[0]} --project={want.project}"
    try:
        account = google.get("iam.googleapis.com", f"v1/projects/{want.project}/serviceAccounts/{want.worker}")
    except NotFound:
        yield Finding(what, "does not exist", create)
        return
    if account.get("disabled"):
        yield Finding(what, "is disabled", f"gcloud iam service-accounts enable {want.worker}")
        return
    yield Finding(what)
    try:
        worker = google.acting_as(want.worker)
    except PermissionDenied:
        fix = (
            f"gcloud iam service-accounts add-iam-policy-binding {want.worker}"
            " --member=user:YOU --role=roles/iam.serviceAccountTokenCreator"
        )
        yield Finding("permissions of the workers", "cannot be checked: you may not act as the service account", fix)
        return
    for label, service, path, wanted, role in _places(want):
        yield _permissions(worker, label, service, path, wanted, role, want)


def _places(want: Deployment) -> Iterator[tuple[str, str, str, list[str], str]]:
    project = f"projects/{want.project}"
    grant = f"gcloud projects add-iam-policy-binding {want.project} --role="
    yield (
        "project", "cloudresourcemanager.googleapis.com", f"v3/{project}:testIamPermissions", WORKER_ROLE_PERMISSIONS,
        f"{grant}roles/dataflow.worker, roles/bigquery.jobUser, and a role with bigquery.datasets.create (replays stage)",
    )  # fmt: skip
    objects = [f"storage.objects.{verb}" for verb in ("create", "delete", "get", "list")]
    for path in (want.lake, want.temp):
        bucket = path.removeprefix("gs://").split("/")[0]
        add = f"gcloud storage buckets add-iam-policy-binding gs://{bucket} --role=roles/storage.objectAdmin"
        yield f"bucket {bucket}", "storage.googleapis.com", f"storage/v1/b/{bucket}/iam/testPermissions", objects, add
    for name in want.subscriptions.values():
        path = f"v1/{project}/subscriptions/{name}:testIamPermissions"
        add = f"gcloud pubsub subscriptions add-iam-policy-binding {name} --role=roles/pubsub.subscriber (and viewer)"
        yield (
            f"subscription {name}", "pubsub.googleapis.com", path,
            ["pubsub.subscriptions.consume", "pubsub.subscriptions.get"], add,
        )  # fmt: skip
    path = f"v1/{project}/topics/{want.saga_alerts}:testIamPermissions"
    add = f"gcloud pubsub topics add-iam-policy-binding {want.saga_alerts} --role=roles/pubsub.publisher"
    yield f"topic {want.saga_alerts}", "pubsub.googleapis.com", path, ["pubsub.topics.publish"], add
    if (found := repository(want.image)) is not None:
        host, name = found
        add = f"gcloud artifacts repositories add-iam-policy-binding {name} --role=roles/artifactregistry.reader"
        pull = ["artifactregistry.repositories.downloadArtifacts"]
        yield "image", host, f"v1/{name}:testIamPermissions", pull, add
    tables = ["bigquery.tables.get", "bigquery.tables.getData", "bigquery.tables.updateData"]
    for dataset, table in ((want.event_store, "events"), (want.analytics, "event_counts")):
        path = f"bigquery/v2/{project}/datasets/{dataset}/tables/{table}:testIamPermissions"
        add = f"bq add-iam-policy-binding --role=roles/bigquery.dataEditor {want.project}:{dataset}"
        yield f"table {dataset}.{table}", "bigquery.googleapis.com", path, tables, add
    if want.secret:
        name = want.secret.split("/versions/")[0]
        add = f"gcloud secrets add-iam-policy-binding {name} --role=roles/secretmanager.secretAccessor"
        path = f"v1/{name}:testIamPermissions"
        yield "key for personal data", "secretmanager.googleapis.com", path, ["secretmanager.versions.access"], add


def _permissions(
    worker: Google, label: str, service: str, path: str, wanted: list[str], fix: str, want: Deployment
) -> Finding:
    what = f"permissions of the workers: {label}"
    try:
        if service == "storage.googleapis.com":
            found: Json = worker.get(service, path, permissions=wanted)
        else:
            found = worker.post(service, path, {"permissions": wanted})
    except NotFound:
        return Finding(what, "does not exist", "create it first: its own line says how")
    except PermissionDenied:
        found = {}
    lacking = [name for name in wanted if name not in found.get("permissions", [])]
    if not lacking:
        return Finding(what)
    return Finding(what, f"lacks {', '.join(lacking)}", f"{fix} --member=serviceAccount:{want.worker}")


def check_secret(google: Google, want: Deployment) -> Iterator[Finding]:
    """Check that the key for personal data can be used."""
    if want.secret is None:
        yield Finding("key for personal data: not given, analytics omits names, e-mail addresses and phone numbers")
        return
    what, name = f"key for personal data {want.secret}", want.secret.split("/versions/")[0].split("/")[-1]
    add = (
        f"head -c 32 /dev/urandom | base64 | gcloud secrets versions add {name} --project={want.project} --data-file=-"
    )
    try:
        state = google.get("secretmanager.googleapis.com", f"v1/{want.secret}").get("state")
    except NotFound:
        yield Finding(what, "this version does not exist", add)
        return
    yield Finding(what) if state == "ENABLED" else Finding(what, f"is {state}", add)


def check_kms(google: Google, want: Deployment) -> Iterator[Finding]:
    """Check that the customer-managed key, if there is one, can encrypt."""
    if want.kms_key is None:
        return
    what = f"KMS key {want.kms_key}"
    try:
        primary = google.get("cloudkms.googleapis.com", f"v1/{want.kms_key}").get("primary", {})
    except NotFound:
        yield Finding(what, "does not exist", "gcloud kms keys create")
        return
    state = primary.get("state")
    fix = f"gcloud kms keys versions enable --key={want.kms_key}"
    yield Finding(what) if state == "ENABLED" else Finding(what, f"its primary version is {state}", fix)
