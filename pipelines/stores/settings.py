"""The settings of a store, in which all its runs must agree (docs/data-contract.md#runs-and-settings).

They are rows of `event_store.settings` that are only ever added; the newest counts. The first command that writes records
them. A store of an earlier version has none: its window is the one in the query of its view.
"""

import re
from dataclasses import dataclass, replace

from google.api_core.exceptions import NotFound
from google.cloud import bigquery

from pipelines.errors import UserError
from pipelines.stores.provision.provision import provision
from pipelines.stores.sql_text import string_literal
from pipelines.stores.target import Endpoints, Target
from schemas.tables.definitions import SCHEMA_VERSION, SETTINGS

DEFAULT_WINDOW_SECONDS = 60
NO_HORIZON = 0
"""The horizon of a store to which no streaming run has written."""
_WINDOW = re.compile(r"DIV\(UNIX_MICROS\(event_time\), (\d+) \* 1000000\)")


class SettingsDiffer(UserError):
    """An option differs from the settings of the store; the text names both values."""


@dataclass(frozen=True)
class KeyOfRun:
    """The key with which a run writes pseudonyms; version None: the run has no key and leaves their columns NULL."""

    version: str | None


@dataclass(frozen=True, kw_only=True)
class StoreSettings:
    """What all runs of a store agree on.

    Args:
        window_seconds: width of the windows of counts, features and metrics.
        dedup_horizon_seconds: how long a streaming run remembers an event id; NO_HORIZON: no streaming run wrote yet.
        schema_version: version of the tables.
        pii_key_version: version of the key of pseudonyms (schemas/pseudonymize.py: key_version); None before the first
            run with a key.
    """

    window_seconds: int = DEFAULT_WINDOW_SECONDS
    dedup_horizon_seconds: int = NO_HORIZON
    schema_version: str = SCHEMA_VERSION
    pii_key_version: str | None = None


def read_settings(client: bigquery.Client, target: Target) -> StoreSettings | None:
    """Return the settings of a store; None if nothing of it says any."""
    names = "window_seconds, dedup_horizon_seconds, schema_version, pii_key_version"
    sql = f"SELECT {names} FROM `{_table(target)}` ORDER BY changed_time DESC LIMIT 1"
    try:
        for row in client.query(sql).result():
            return StoreSettings(**dict(row.items()))
    except NotFound:
        pass  # the store is new or of an earlier version
    window = _window_of_view(client, target)
    return None if window is None else StoreSettings(window_seconds=window)


def check_settings(
    client: bigquery.Client,
    target: Target,
    *,
    window_seconds: int | None = None,
    dedup_horizon_seconds: int | None = None,
    key: KeyOfRun | None = None,
) -> StoreSettings | None:
    """Compare options with the settings of the store; return these, None if there are none.

    Args:
        window_seconds: the option; None if the command follows the store.
        dedup_horizon_seconds: the option; None if the command does not deduplicate by a horizon.
        key: the key of the run; None if the command writes no pseudonyms.

    Raises:
        SettingsDiffer: they differ.
    """
    stored = read_settings(client, target)
    if stored is None:
        return None
    if window_seconds is not None and window_seconds != stored.window_seconds:
        raise SettingsDiffer(_differ(target, "window_seconds", "window_seconds", window_seconds, stored.window_seconds))
    horizon = stored.dedup_horizon_seconds
    if dedup_horizon_seconds is not None and horizon != NO_HORIZON and dedup_horizon_seconds != horizon:
        raise SettingsDiffer(_differ(target, "dedup_horizon", "dedup_horizon_seconds", dedup_horizon_seconds, horizon))
    if key is not None and stored.pii_key_version not in (None, key.version):
        raise SettingsDiffer(_other_key(target, key.version, stored.pii_key_version))
    return stored


def provision_agreed(
    endpoints: Endpoints,
    target: Target,
    *,
    run_id: str,
    window_seconds: int | None,
    dedup_horizon_seconds: int | None = None,
    key: KeyOfRun | None = None,
) -> None:
    """Check the options against the settings of the store, then provision it and record settings that are new.

    Raises:
        SettingsDiffer: an option differs from the settings; nothing was changed.
    """
    client = endpoints.bigquery
    stored = check_settings(
        client, target, window_seconds=window_seconds, dedup_horizon_seconds=dedup_horizon_seconds, key=key
    )
    before = stored or StoreSettings(window_seconds=window_seconds or DEFAULT_WINDOW_SECONDS)
    provision(endpoints, target, window_seconds=before.window_seconds)
    after = replace(
        before,
        schema_version=SCHEMA_VERSION,
        dedup_horizon_seconds=dedup_horizon_seconds or before.dedup_horizon_seconds,
        pii_key_version=before.pii_key_version or (key.version if key else None),
    )
    if after != stored or not _has_rows(client, target):
        add_settings(client, target, after, run_id)


def add_settings(client: bigquery.Client, target: Target, settings: StoreSettings, run_id: str) -> None:
    """Add a row of settings; the table exists."""
    cells = {
        "changed_time": "CURRENT_TIMESTAMP()",
        "window_seconds": str(settings.window_seconds),
        "dedup_horizon_seconds": str(settings.dedup_horizon_seconds),
        "schema_version": string_literal(settings.schema_version),
        "pii_key_version": string_literal(settings.pii_key_version),
        "run_id": string_literal(run_id),
    }
    sql = f"INSERT INTO `{_table(target)}` ({', '.join(cells)}) VALUES ({', '.join(cells.values())})"
    client.query(sql).result()


def place_of(target: Target) -> str:
    """Return the option that names the stores, for a message."""
    if target.directory is None:
        return f"--project {target.project}"
    return f"--output {target.shown or target.directory}"


def _has_rows(client: bigquery.Client, target: Target) -> bool:
    return any(client.query(f"SELECT run_id FROM `{_table(target)}` LIMIT 1").result())


def _window_of_view(client: bigquery.Client, target: Target) -> int | None:
    try:
        query = client.get_table(target.table("analytics", "event_counts_current")).view_query
    except NotFound:
        return None
    found = _WINDOW.search(query or "")
    return int(found[1]) if found else None


def _table(target: Target) -> str:
    return target.table(SETTINGS.dataset, SETTINGS.name)


def _differ(target: Target, option: str, setting: str, given: int, stored: int) -> str:
    where = place_of(target)
    return (
        f"--{option} {given}: the store of {where} has {setting} {stored}; give {stored},"
        f" or change the store with `settings {where} --set {setting}={given}`"
    )


def _other_key(target: Target, given: str | None, stored: str | None) -> str:
    where = place_of(target)
    if given is None:
        return f"no key for personal data is given: the store of {where} has pii_key_version {stored}; give its key"
    return (
        f"the key for personal data has version {given}: the store of {where} has pii_key_version {stored}; give that key,"
        f" or change the store with `settings {where} --set pii_key_version={given}` (docs/personal-data.md#rotating-the-key)"
    )
