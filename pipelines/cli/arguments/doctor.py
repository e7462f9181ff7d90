"""The options of the command `doctor`."""

import argparse

from pipelines.options import positive
from schemas.message import TOPICS
from schemas.tables.datasets import ANALYTICS, EVENT_STORE

HELP = "Check a project before a launch: each line is ok, or names a problem and its fix."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command; names default to what templates/terraform makes."""
    add = parser.add_argument
    add("--project", required=True, metavar="P", help="the Google Cloud project")
    add("--region", required=True, metavar="R", help="the Dataflow region, such as europe-west1")
    add("--prefix", default="event-pipelines", help="prefix of the names of Terraform's resources")
    add("--location", metavar="L", help="location of the BigQuery datasets, such as EU")
    add("--event_store_dataset", default=EVENT_STORE, metavar="D", help="dataset of the event store")
    add("--analytics_dataset", default=ANALYTICS, metavar="D", help="dataset of the read side")
    add("--lake", metavar="gs://…", help="root of the files (default: gs://P-PREFIX-lake)")
    add("--temp", metavar="gs://…", help="location of Dataflow's temporary files (default: gs://P-PREFIX-temp)")
    add("--templates", metavar="gs://…", help="folder of the container specs (default: gs://P-PREFIX-templates)")
    add(
        "--worker",
        metavar="SA",
        help="service account of the workers (default: PREFIX-worker@P.iam.gserviceaccount.com)",
    )
    add("--image", help="image of the workers (default: R-docker.pkg.dev/P/PREFIX/event-pipelines:VERSION)")
    add(
        "--pii_key_secret",
        metavar="VERSION",
        help="secret version with the key for personal data: projects/P/secrets/S/versions/V",
    )
    add("--subnetwork", metavar="S", help="subnetwork of the workers: regions/R/subnetworks/S")
    add("--kms_key_name", metavar="K", help="customer-managed key of the job's state and disks")
    add("--topics", nargs="+", choices=TOPICS, default=list(TOPICS), help="topics whose subscriptions are checked")
    add("--max_workers", type=positive, default=10, help="maximum number of workers, for the quota")
    add("--machine_type", default="n2-standard-2", help="machine type of the workers, for the quota")
    add("--public_ips", action="store_true", help="the workers have public addresses")
    add("--window_seconds", type=positive, default=60, help="width of the windows of event_counts_current, seconds")
    add("--endpoint", action="append", default=[], metavar="SERVICE=URL",
        help="call a service (or * for all) at this URL, without credentials")  # fmt: skip
