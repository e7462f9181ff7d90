"""From a command's parsed options to the job that its graph is built for: one place for all commands and templates."""

import argparse
import getpass
import platform
import uuid

from pipelines.config import JobConfig
from pipelines.stores.target import Target
from pipelines.version import pipeline_version
from schemas.timestamps import to_datetime
from transforms.table_rows import Run


def run_id_of(args: argparse.Namespace, started: int) -> str:
    """Return the name that a run was given, else its start and six random digits."""
    return args.run_id or f"{to_datetime(started):%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:6]}"


def make_job(
    args: argparse.Namespace,
    target: Target,
    write_endpoint: str | None,
    run_id: str,
    started: int,
    key: bytes | None,
    temp: str | None = None,
) -> JobConfig:
    """Return the job's config on a target; its temporary files stand beside the stores unless `temp` is given."""
    if temp is None:
        beside = target.directory / ".work" if target.directory is not None else None
        temp = f"{beside or f'{target.lake}/.replay'}/{run_id}"
    kept = {"saga_retention_days": args.saga_retention_days} if hasattr(args, "saga_retention_days") else {}
    return JobConfig(
        run=Run(run_id, started, pipeline_version()),
        lake=target.lake,
        temp=temp,
        project=target.project,
        event_store=target.event_store,
        analytics=target.analytics,
        write_endpoint=write_endpoint,
        window_seconds=args.window_seconds,
        lateness_seconds=args.allowed_lateness_seconds,
        accept_cloudevents=args.accept_cloudevents,
        pii_key=key,
        sink_retry_budget_seconds=args.sink_retry_budget,
        bigquery_method=args.bigquery_method,
        saga_timeout_minutes=args.saga_timeout_minutes,
        saga_alerts_topic=args.saga_alerts_topic,
        **kept,
    )


def whoami() -> str:
    """Return who runs this, for the ledger."""
    try:
        return f"{getpass.getuser()}@{platform.node()}"
    except (KeyError, OSError):  # a container without a user database
        return platform.node()
