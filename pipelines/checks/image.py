"""The image and the container spec: there, of one version, and that version is this one; and the workers' network."""

from collections.abc import Iterator
from urllib.parse import quote

from google.protobuf.json_format import ParseError

from pipelines.checks.finding import Deployment, Finding
from pipelines.checks.google import Google, NotThere
from pipelines.config import pipeline_version
from pipelines.launching.metadata import check_spec


def check_image(google: Google, want: Deployment) -> Iterator[Finding]:
    """Find out whether the image is in Artifact Registry and is of this version."""
    what, build = f"image {want.image}", f"templates/build.sh {want.image}"
    host, _, rest = want.image.partition("/")
    location = host.removesuffix("-docker.pkg.dev")
    parts = rest.split("/")
    if location == host or len(parts) < 3:
        yield Finding(what, "is not in Artifact Registry", build)
        return
    name, _, tag = "/".join(parts[2:]).partition(":")
    package = f"projects/{parts[0]}/locations/{location}/repositories/{parts[1]}/packages/{quote(name, safe='')}"
    path = f"v1/{package}/tags/{tag}"
    try:
        google.get("artifactregistry.googleapis.com", path)
    except NotThere:
        yield Finding(what, "is not there", build)
        return
    mine = pipeline_version()
    if tag != mine and mine != "0.dev":
        yield Finding(what, f"is of version {tag}; this is {mine}", f"launch with the other version, or {build}")
        return
    yield Finding(what)


def check_spec_file(google: Google, want: Deployment) -> Iterator[Finding]:
    """Find out whether the streaming template's container spec is there, is one, and names the image."""
    what = f"container spec {want.streaming_spec}"
    write = (
        f"python -m pipelines template-spec --template streaming --image {want.image} --output {want.streaming_spec}"
    )
    bucket, _, name = want.streaming_spec.removeprefix("gs://").partition("/")
    try:
        spec = google.get("storage.googleapis.com", f"storage/v1/b/{bucket}/o/{quote(name, safe='')}", alt="media")
        check_spec(spec)
    except NotThere:
        yield Finding(what, "there is none", write)
        return
    except ParseError as error:
        yield Finding(what, f"Dataflow would not read it: {str(error).splitlines()[0]}", write)
        return
    if spec.get("image") != want.image:
        yield Finding(what, f"names the image {spec.get('image')}", write)
        return
    yield Finding(what)


def check_network(google: Google, want: Deployment) -> Iterator[Finding]:
    """Find out whether workers without public addresses reach Google's services."""
    if want.subnetwork is None:
        return
    what, name = f"subnetwork {want.subnetwork}", want.subnetwork.rsplit("/", 1)[-1]
    path = f"compute/v1/projects/{want.project}/regions/{want.region}/subnetworks/{name}"
    try:
        found = google.get("compute.googleapis.com", path)
    except NotThere:
        yield Finding(what, f"there is none in {want.region}", f"gcloud compute networks subnets create {name}")
        return
    if not want.public_ips and not found.get("privateIpGoogleAccess"):
        mend = f"gcloud compute networks subnets update {name} --region={want.region} --enable-private-ip-google-access"
        yield Finding(what, "workers without public addresses cannot reach Google's services", mend)
        return
    yield Finding(what)
