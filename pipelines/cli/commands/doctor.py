"""The command `doctor`: check a project before a launch. It changes nothing.

Each line is ok, or says what is wrong and the command that fixes it. Exit 1 if anything is wrong.
"""

import argparse
from collections.abc import Iterator

from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from pipelines.doctor.bigquery_tables import check_tables
from pipelines.doctor.buckets import check_buckets
from pipelines.doctor.finding import Deployment, Finding, subscription_names, topic_names
from pipelines.doctor.google_api import Google, PermissionDenied
from pipelines.doctor.image import check_image, check_network, check_spec_file
from pipelines.doctor.project import check_project, check_region, check_services
from pipelines.doctor.pubsub import check_subscriptions, check_topics
from pipelines.doctor.service_account import check_kms, check_secret, check_worker
from pipelines.errors import UserError
from pipelines.stores.target import Target
from pipelines.version import pipeline_version

CHECKS = (
    check_project, check_services, check_region, check_network, check_buckets, check_topics, check_subscriptions,
    check_worker, check_secret, check_kms, check_image, check_spec_file,
)  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Print every finding; return 1 if one is wrong."""
    endpoints = _endpoints(args.endpoint)
    google, want = Google(endpoints), deployment(args)
    target = Target(args.project, args.event_store_dataset, args.analytics_dataset, want.lake, None, args.location)
    wrong = count = 0
    for finding in findings(
        google, want, _bigquery(args.project, google, bool(endpoints)), target, args.window_seconds
    ):
        print(finding, flush=True)
        count += 1
        wrong += not finding.ok
    print(f"{count} checks, {wrong} failed" if wrong else f"{count} checks, no problems")
    return 1 if wrong else 0


def findings(
    google: Google, want: Deployment, client: bigquery.Client, target: Target, window_seconds: int
) -> Iterator[Finding]:
    """Yield every finding; one that cannot be checked counts as wrong, and the others go on."""
    for check in CHECKS:
        try:
            yield from check(google, want)
        except PermissionDenied as rejected:
            what = check.__name__.removeprefix("check_").replace("_", " ")
            yield Finding(what, f"permission denied: {rejected}", "ask for roles/viewer and roles/iam.securityReviewer")
    yield from check_tables(client, target, window_seconds)


def deployment(args: argparse.Namespace) -> Deployment:
    """Return the names of everything; those that were not given as Terraform derives them."""
    base = f"gs://{args.project}-{args.prefix}"
    templates = args.templates or f"{base}-templates"
    return Deployment(
        project=args.project,
        region=args.region,
        lake=args.lake or f"{base}-lake",
        temp=args.temp or f"{base}-temp",
        templates=templates,
        worker=args.worker or f"{args.prefix}-worker@{args.project}.iam.gserviceaccount.com",
        image=args.image
        or f"{args.region}-docker.pkg.dev/{args.project}/{args.prefix}/event-pipelines:{pipeline_version()}",
        secret=args.pii_key_secret,
        subnetwork=args.subnetwork,
        kms_key=args.kms_key_name,
        streaming_spec=f"{templates}/streaming.json",
        event_store=args.event_store_dataset,
        analytics=args.analytics_dataset,
        topics=topic_names(args.topics),
        subscriptions=subscription_names(args.prefix, args.topics),
        saga_alerts=f"{args.prefix}-saga-alerts",
        max_workers=args.max_workers,
        machine_type=args.machine_type,
        public_ips=args.public_ips,
    )


def _endpoints(pairs: list[str]) -> dict[str, str]:
    found = {}
    for pair in pairs:
        service, _, url = pair.partition("=")
        if not url.startswith("http"):
            raise UserError(f"--endpoint {pair}: must be SERVICE=URL")
        found[service] = url.rstrip("/")
    return found


def _bigquery(project: str, google: Google, loopback: bool) -> bigquery.Client:
    if not loopback:
        return bigquery.Client(project=project)
    options = {"api_endpoint": google.url("bigquery.googleapis.com")}
    return bigquery.Client(project=project, credentials=AnonymousCredentials(), client_options=options)
