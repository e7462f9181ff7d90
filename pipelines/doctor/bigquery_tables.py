"""Check tables and views: what `provision` would still change."""

from collections.abc import Iterator

from google.api_core.exceptions import GoogleAPICallError
from google.cloud import bigquery

from pipelines.doctor.finding import Finding
from pipelines.stores.provision.plan import Action, make_plan
from pipelines.stores.provision.resources import Settings, wanted
from pipelines.stores.provision.stores import read_existing
from pipelines.stores.target import Target
from schemas.registry import REGISTRY

MOST_DETAILS = 3


def check_tables(client: bigquery.Client, target: Target, window_seconds: int = 60) -> Iterator[Finding]:
    """Check that datasets, tables and views are as schemas/ defines them."""
    settings = Settings(location=target.location)
    resources = wanted(target, REGISTRY, target.names(window_seconds), settings)
    fix = f"python -m pipelines provision --project {target.project}"
    try:
        plan = make_plan(resources, read_existing(client, resources), settings)
    except GoogleAPICallError as error:
        yield Finding("tables and views", f"cannot be checked: {error.message}", fix)
        return
    words = {
        Action.CREATE: "does not exist",
        Action.CHANGE: "differs",
        Action.REJECT: "cannot be changed without losing data",
    }
    for step in plan.steps:
        if step.action is not Action.KEEP:
            details = f" ({'; '.join(step.details[:MOST_DETAILS])})" if step.details else ""
            how = fix if step.action is not Action.REJECT else f"{fix} --dry_run lists it; rename the old one first"
            yield Finding(f"{step.resource.kind} {step.resource.name}", words[step.action] + details, how)
    if plan.unchanged:
        yield Finding(f"{len(plan.steps)} datasets, tables and views equal schemas/")
