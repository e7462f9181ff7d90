"""Open a local store that an earlier version wrote: tables, columns and views that it lacks are added first.

Commands that write provision the store anyway. A command that reads does the same, but for the view whose query holds
the width of the windows: it stays as the store's runs have created it.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from google.api_core.exceptions import NotFound
from google.cloud import bigquery

from pipelines.errors import RunFailed, UserError
from pipelines.stores.folder_lock import lock_folder
from pipelines.stores.open_stores import open_stores
from pipelines.stores.provision.plan import make_plan
from pipelines.stores.provision.resources import Settings, wanted
from pipelines.stores.provision.stores import apply_plan, read_existing
from pipelines.stores.target import Endpoints, Target
from schemas.registry import REGISTRY
from schemas.tables.definitions import TABLES

_WINDOWED = "event_counts_current"


@contextmanager
def open_for_reading(target: Target) -> Iterator[Endpoints]:
    """Yield clients of the stores, as open_stores does, with the tables of this version."""
    with open_stores(target) as endpoints:
        if target.directory is not None and _is_older(endpoints.bigquery, target):
            _upgrade(endpoints, target)
        yield endpoints


def _is_older(client: bigquery.Client, target: Target) -> bool:
    for table in TABLES.values():
        try:
            existing = client.get_table(target.table(table.dataset, table.name))
        except NotFound:
            return True
        names = {field.name.lower() for field in existing.schema}
        if not names >= {column.name.lower() for column in table.columns}:
            return True
    return False


def _upgrade(endpoints: Endpoints, target: Target) -> None:
    settings = Settings()
    resources = [
        resource for resource in wanted(target, REGISTRY, target.names(), settings) if _WINDOWED not in resource.name
    ]
    try:
        with lock_folder(target.directory, "upgrade"):
            plan = make_plan(resources, read_existing(endpoints.bigquery, resources), settings)
            if not plan.rejected:
                apply_plan(endpoints.bigquery, plan)
    except (UserError, RunFailed):
        return  # a command that writes is about to do it, or the folder is read-only: read what is there
