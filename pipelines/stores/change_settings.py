"""Show or change the settings of a store: what the command `settings` does."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pipelines.errors import UserError
from pipelines.stores.provision.provision import provision
from pipelines.stores.run_record import Run, close_dead_runs, recorded
from pipelines.stores.settings import StoreSettings, add_settings, place_of, read_settings
from pipelines.stores.target import Endpoints, Target
from schemas.pseudonymize import VERSION_DIGITS

SECONDS = ("window_seconds", "dedup_horizon_seconds")
KEY_VERSION = "pii_key_version"
_VERSION = re.compile(rf"[0-9a-f]{{{VERSION_DIGITS}}}")


@dataclass(frozen=True, kw_only=True)
class SettingsRequest:
    """One change of a store's settings.

    Args:
        target: the stores.
        changes: new values by name; none: only show.
        run_id: name of the run in the run record and in the row of settings.
        started: start of the run, UTC microseconds.
    """

    target: Target
    run_id: str
    started: int
    changes: Mapping[str, int | str] = field(default_factory=dict)


def parse_change(text: str) -> tuple[str, int | str]:
    """Return the name and the value of NAME=VALUE; UserError if it is no setting or out of range."""
    name, _, given = text.partition("=")
    if name == KEY_VERSION:
        if not _VERSION.fullmatch(given):
            raise UserError(
                f"--set {text}: must be the {VERSION_DIGITS} hexadecimal digits that a run of that key names"
            )
        return name, given
    if name not in SECONDS:
        raise UserError(f"--set {text}: must be NAME=VALUE, NAME one of {', '.join((*SECONDS, KEY_VERSION))}")
    value = int(given) if given.isascii() and given.isdigit() and len(given) < 10 else 0
    if value < 1:
        raise UserError(f"--set {text}: the value must be a whole number of seconds from 1")
    if name == "window_seconds" and 3600 % value:
        raise UserError(f"--set {text}: {value} does not divide an hour (3600)")
    return name, value


def show_or_change(endpoints: Endpoints, request: SettingsRequest) -> StoreSettings:
    """Record the changes, if there are any, and return the settings of the store.

    Views have the new width at once. Rows of `event_counts` and features keep theirs until a rebuild.

    Raises:
        UserError: the store has no tables yet.
    """
    client, target = endpoints.bigquery, request.target
    stored = read_settings(client, target)
    if stored is None:
        raise UserError(f"{place_of(target)}: the store has no settings yet; the first run records them")
    if not request.changes:
        return stored
    changes: dict[str, Any] = dict(request.changes)
    changed = replace(stored, **changes)
    provision(endpoints, target, window_seconds=changed.window_seconds)
    close_dead_runs(client, target, request.run_id)
    run = Run(run_id=request.run_id, command="settings", started=request.started, configuration=dict(request.changes))
    with recorded(client, target, run):
        add_settings(client, target, changed, request.run_id)
    return changed
