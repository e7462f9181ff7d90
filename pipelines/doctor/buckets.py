"""Check the buckets: they exist, are near the workers, not public, and retain what the lake and temp files need."""

from collections.abc import Iterator

from pipelines.doctor.finding import Deployment, Finding
from pipelines.doctor.google_api import Google, Json, NotFound

MULTI_REGIONS = {"EU": "europe-", "US": "us-", "ASIA": "asia-"}


def check_buckets(google: Google, want: Deployment) -> Iterator[Finding]:
    """Check the buckets of lake, temp files and templates."""
    for kind, path in (("lake", want.lake), ("temp", want.temp), ("templates", want.templates)):
        name = path.removeprefix("gs://").split("/")[0]
        try:
            bucket = google.get("storage.googleapis.com", f"storage/v1/b/{name}")
        except NotFound:
            fix = f"gcloud storage buckets create gs://{name} --location={want.region} --uniform-bucket-level-access"
            yield Finding(f"bucket {name} ({kind})", "does not exist", fix)
            continue
        yield from _check_bucket(bucket, name, kind, want)


def _check_bucket(bucket: Json, name: str, kind: str, want: Deployment) -> Iterator[Finding]:
    what, update = f"bucket {name} ({kind})", f"gcloud storage buckets update gs://{name}"
    location = bucket.get("location", "")
    near = location.lower() == want.region or want.region.startswith(MULTI_REGIONS.get(location, "?"))
    access = bucket.get("iamConfiguration", {})
    problems = []
    if not near:
        problems.append(
            (
                f"is in {location}, the workers in {want.region}: every byte crosses regions",
                f"create one in {want.region}",
            )
        )
    if not access.get("uniformBucketLevelAccess", {}).get("enabled"):
        problems.append(("access is not uniform", f"{update} --uniform-bucket-level-access"))
    if access.get("publicAccessPrevention") != "enforced":
        problems.append(("can be opened to the public", f"{update} --public-access-prevention"))
    if kind == "lake" and not bucket.get("versioning", {}).get("enabled"):
        problems.append(("keeps no old versions: overwritten or deleted objects are gone", f"{update} --versioning"))
    soft = int(bucket.get("softDeletePolicy", {}).get("retentionDurationSeconds", 0))
    if kind == "temp" and soft:
        problems.append(("soft delete keeps every temp file, and costs", f"{update} --clear-soft-delete"))
    if kind == "temp" and not bucket.get("lifecycle", {}).get("rule"):
        problems.append(
            ("has no lifecycle rule: temp files of failed jobs stay", f"{update} --lifecycle-file=temp.json")
        )
    yield from (Finding(what, problem, fix) for problem, fix in problems)
    if not problems:
        yield Finding(what)
