"""Check image, container spec and network: they exist, and their version is this one."""

from collections.abc import Iterator
from urllib.parse import quote

from google.protobuf.json_format import ParseError

from pipelines.dataflow.metadata import check_spec
from pipelines.dataflow.places import SUBNETWORK
from pipelines.doctor.finding import Deployment, Finding
from pipelines.doctor.google_api import Google, NotFound
from pipelines.version import pipeline_version


def check_image(google: Google, want: Deployment) -> Iterator[Finding]:
    """Check that the image is in Artifact Registry and has this version."""
    what, build = f"image {want.image}", f"templates/build.sh {want.image}"
    found = repository(want.image)
    if found is None:
        yield Finding(what, "is not in Artifact Registry", build)
        return
    service, place = found
    name, _, digest = want.image.split("/", 3)[3].partition("@")
    name, _, tag = name.partition(":")
    version = f"versions/{digest}" if digest else f"tags/{tag}"
    try:
        google.get(service, f"v1/{place}/packages/{quote(name, safe='')}/{version}")
    except NotFound:
        yield Finding(what, "does not exist", build)
        return
    mine = pipeline_version()
    if tag and tag != mine and mine != "0.dev":
        yield Finding(what, f"has version {tag}; this is {mine}", f"launch with the other version, or {build}")
        return
    yield Finding(what)


def repository(image: str) -> tuple[str, str] | None:
    """Return the service and the repository of an image; None if it is not in Artifact Registry."""
    host, *parts = image.split("/", 3)
    location = host.removesuffix("-docker.pkg.dev")
    if location == host or len(parts) < 3:
        return None
    return "artifactregistry.googleapis.com", f"projects/{parts[0]}/locations/{location}/repositories/{parts[1]}"


def check_spec_file(google: Google, want: Deployment) -> Iterator[Finding]:
    """Check that the streaming template's container spec exists, is valid, and names the image."""
    what = f"container spec {want.streaming_spec}"
    write = (
        f"python -m pipelines template-spec --template streaming --image {want.image} --output {want.streaming_spec}"
    )
    bucket, _, name = want.streaming_spec.removeprefix("gs://").partition("/")
    try:
        spec = google.get("storage.googleapis.com", f"storage/v1/b/{bucket}/o/{quote(name, safe='')}", alt="media")
        check_spec(spec)
    except NotFound:
        yield Finding(what, "does not exist", write)
        return
    except ParseError as error:
        yield Finding(what, f"Dataflow cannot read it: {str(error).splitlines()[0]}", write)
        return
    if spec.get("image") != want.image:
        yield Finding(what, f"names the image {spec.get('image')}", write)
        return
    yield Finding(what)


def check_network(google: Google, want: Deployment) -> Iterator[Finding]:
    """Check that workers without public addresses reach Google's services."""
    if want.subnetwork is None:
        return
    what = f"subnetwork {want.subnetwork}"
    found_name = SUBNETWORK.fullmatch(want.subnetwork)
    if found_name is None or found_name["region"] != want.region:
        yield Finding(
            what, f"is not a subnetwork of {want.region}", "regions/R/subnetworks/S, or projects/HOST/regions/…"
        )
        return
    name, project = found_name["name"], found_name["project"] or want.project
    path = f"compute/v1/projects/{project}/regions/{want.region}/subnetworks/{name}"
    try:
        found = google.get("compute.googleapis.com", path)
    except NotFound:
        yield Finding(what, f"does not exist in {want.region}", f"gcloud compute networks subnets create {name}")
        return
    if not want.public_ips and not found.get("privateIpGoogleAccess"):
        fix = f"gcloud compute networks subnets update {name} --region={want.region} --enable-private-ip-google-access"
        yield Finding(what, "workers without public addresses cannot reach Google's services", fix)
        return
    yield Finding(what)
