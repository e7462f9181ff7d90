"""Where a job's workers run: names of subnetworks, zones and keys, and that they are of the job's region. Pure."""

import re

from pipelines.errors import UserError

COMPUTE = "https://www.googleapis.com/compute/v1/"
SUBNETWORK = re.compile(
    rf"(?:{re.escape(COMPUTE)})?(?:projects/(?P<project>[a-z][a-z0-9:.-]+)/)?regions/(?P<region>[a-z0-9-]+)/subnetworks/(?P<name>[a-z0-9-]+)"
)
KMS_KEY = re.compile(r"projects/[^/]+/locations/(?P<region>[^/]+)/keyRings/[^/]+/cryptoKeys/[^/]+")


def subnetwork_url(text: str, region: str) -> str:
    """Return a subnetwork as Dataflow takes it: of a Shared VPC, its complete URL.

    Args:
        text: regions/R/subnetworks/S; of another project, which hosts a Shared VPC, projects/HOST/regions/R/subnetworks/S
            or the URL.
        region: region of the job.

    Raises:
        UserError: it has another form, or is of another region.
    """
    found = SUBNETWORK.fullmatch(text)
    if found is None:
        raise UserError(
            f"--subnetwork {text}: must be regions/R/subnetworks/S, or projects/HOST/regions/R/subnetworks/S of a Shared VPC"
        )
    _check_region("subnetwork", text, found["region"], region)
    return text if found["project"] is None else f"{COMPUTE}{text.removeprefix(COMPUTE)}"


def check_zone(zone: str, region: str) -> str:
    """Return a zone of the region; UserError for another."""
    _check_region("worker_zone", zone, zone.rpartition("-")[0], region)
    return zone


def check_kms_key(name: str, region: str) -> str:
    """Return the name of a key of the region; UserError for another name: a key encrypts where it is."""
    found = KMS_KEY.fullmatch(name)
    if found is None:
        raise UserError(f"--kms_key_name {name}: must be projects/P/locations/R/keyRings/K/cryptoKeys/C")
    _check_region("kms_key_name", name, found["region"], region)
    return name


def _check_region(option: str, value: str, region: str, wanted: str) -> None:
    if region != wanted:
        raise UserError(f"--{option} {value}: is not in --region {wanted}, where the workers run")
