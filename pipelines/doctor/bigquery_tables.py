"""The tables and views: what `provision` would still have to do."""

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
    """Find out what of datasets, tables and views is not as schemas/ says."""
    settings = Settings(location=target.location)
    resources = wanted(target, REGISTRY, target.names(window_seconds), settings)
    mend = f"python -m pipelines provision --project {target.project}"
    try:
        plan = make_plan(resources, read_existing(client, resources), settings)
    except GoogleAPICallError as error:
        yield Finding("tables and views", f"cannot be looked at: {error.message}", mend)
        return
    words = {
        Action.CREATE: "there is none",
        Action.CHANGE: "differs",
        Action.REFUSE: "cannot be mended without losing data",
    }
    for step in plan.steps:
        if step.action is not Action.KEEP:
            details = f" ({'; '.join(step.details[:MOST_DETAILS])})" if step.details else ""
            how = mend if step.action is not Action.REFUSE else f"{mend} --dry_run lists it; rename the old one first"
            yield Finding(f"{step.resource.kind} {step.resource.name}", words[step.action] + details, how)
    if plan.unchanged:
        yield Finding(f"{len(plan.steps)} datasets, tables and views equal schemas/")
