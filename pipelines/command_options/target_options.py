"""The options that locate the stores, as parsed, and the target that they name."""

import re
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import UserError
from pipelines.stores.target import Target

_PROJECT = re.compile(r"(?:[a-z0-9.-]+:)?[a-z][a-z0-9-]{3,62}")
_DATASET = re.compile(r"[A-Za-z0-9_]{1,1024}")


@dataclass(frozen=True, kw_only=True)
class TargetOptions:
    """The options that add_target_arguments adds, as parsed."""

    output: str | None
    project: str | None
    event_store_dataset: str
    analytics_dataset: str
    lake: str | None
    location: str | None


def make_target(options: TargetOptions, *, needs_lake: bool = False) -> Target:
    """Return the target that the options name; UserError if they name none or two, or are incomplete."""
    event_store, analytics = options.event_store_dataset, options.analytics_dataset
    for option, dataset in (("event_store_dataset", event_store), ("analytics_dataset", analytics)):
        _check(option, dataset, _DATASET, "letters, digits and underscores")
    if event_store.lower() == analytics.lower():
        raise UserError(f"--analytics_dataset {analytics}: is also the event store's dataset; give two names")
    if options.output is not None:
        for option, value in (("project", options.project), ("lake", options.lake), ("location", options.location)):
            if value is not None:
                raise UserError(f"--{option} {value}: does not go with --output {options.output}; give one of them")
        return Target.local(Path(options.output), event_store, analytics)
    if options.project is None:
        raise UserError("--output DIR or --project P: one of them is required")
    _check("project", options.project, _PROJECT, "a Google Cloud project id")
    if needs_lake and not options.lake:
        raise UserError(f"--lake: required with --project {options.project}; give gs://BUCKET[/FOLDER]")
    return Target(options.project, event_store, analytics, (options.lake or "").rstrip("/"), None, options.location)


def _check(option: str, value: str, pattern: re.Pattern[str], what: str) -> None:
    if not pattern.fullmatch(value):
        raise UserError(f"--{option} {value}: must be {what}")
