"""The options of the command `doctor`."""

import argparse

from pipelines.options import positive
from schemas.message import TOPICS
from schemas.tables.datasets import ANALYTICS, EVENT_STORE

HELP = "Check a project before a launch: every line is ok, or says what is wrong and how to fix it."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command; names default to what templates/terraform makes."""
    add = parser.add_argument
    add("--project", required=True, metavar="P", help="the Google Cloud project")
    add("--region", required=True, metavar="R", help="where Dataflow runs, such as europe-west1")
    add("--prefix", default="event-pipelines", help="how Terraform's names begin")
    add("--location", metavar="L", help="where BigQuery keeps the datasets")
    add("--event_store_dataset", default=EVENT_STORE, metavar="D", help="the restricted dataset")
    add("--analytics_dataset", default=ANALYTICS, metavar="D", help="the dataset of the read side")
    add("--lake", metavar="gs://…", help="root of the files (default: gs://P-PREFIX-lake)")
    add("--temp", metavar="gs://…", help="Dataflow's files (default: gs://P-PREFIX-temp)")
    add("--templates", metavar="gs://…", help="the container specs (default: gs://P-PREFIX-templates)")
    add("--worker", metavar="SA", help="the workers' account (default: PREFIX-worker@P.iam.gserviceaccount.com)")
    add("--image", help="the image (default: R-docker.pkg.dev/P/PREFIX/event-pipelines:VERSION)")
    add(
        "--pii_key_secret",
        metavar="VERSION",
        help="projects/P/secrets/S/versions/V, where personal data is kept as HMAC",
    )
    add("--subnetwork", metavar="S", help="regions/R/subnetworks/S")
    add("--kms_key_name", metavar="K", help="customer-managed key")
    add("--topics", nargs="+", choices=TOPICS, default=list(TOPICS), help="the topics that are read")
    add("--max_workers", type=positive, default=10, help="workers at most, for the quota")
    add("--machine_type", default="n2-standard-2", help="of the workers, for the quota")
    add("--public_ips", action="store_true", help="workers have public addresses")
    add("--window_seconds", type=positive, default=60, help="width of the views' windows, seconds")
    add("--endpoint", action="append", default=[], metavar="SERVICE=URL",
        help="ask a service (or * for all) elsewhere, without credentials")  # fmt: skip
