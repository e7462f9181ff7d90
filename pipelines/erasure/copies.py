"""The copies of the stores: shadows, which are searched like the stores, and the stagings of replays.

The staging of a run that is gone is dropped. The staging of a run that may be alive is left alone, and counts as not
searched.
"""

from dataclasses import dataclass, field, replace

from google.api_core.exceptions import NotFound
from google.cloud import bigquery

from pipelines.replay.run_records import RunRecords
from pipelines.replay.shadow import LABEL
from pipelines.replay.staging import drop_staging, finish_publishes, staged_target
from pipelines.stores.target import Endpoints, Target


@dataclass
class Copies:
    """The copies of a target's stores."""

    shadows: list[Target] = field(default_factory=list)
    abandoned: list[str] = field(default_factory=list)
    """Runs that are gone and left their staging."""
    running: list[str] = field(default_factory=list)
    """Runs that may be alive and have a staging."""


def find_copies(client: bigquery.Client, target: Target) -> Copies:
    """Return the copies of a target's stores. On a folder, whose lock is held, no other run is alive."""
    datasets = {item.dataset_id: item.labels for item in client.list_datasets(target.project)}
    copies = Copies()
    for name, labels in sorted(datasets.items()):
        if labels.items() >= LABEL.items() and f"{name}_store" in datasets:
            copies.shadows.append(
                replace(target, event_store=f"{name}_store", analytics=name, lake=f"{target.lake}/.shadow/{name}")
            )
    for run_id, alive in _replays(client, target):
        staged = staged_target(target, run_id)
        if {staged.event_store, staged.analytics} & datasets.keys():
            (copies.running if alive and target.directory is None else copies.abandoned).append(run_id)
    return copies


def settle_stagings(endpoints: Endpoints, target: Target) -> None:
    """Publish the files of replays that were killed after their rows were published, and drop the other dead stagings."""
    finish_publishes(endpoints, target, RunRecords(endpoints.bigquery, target))
    copies = find_copies(endpoints.bigquery, target)
    for run_id in copies.abandoned:
        drop_staging(endpoints, target, run_id)


def _replays(client: bigquery.Client, target: Target) -> list[tuple[str, bool]]:
    """Return the recorded runs, and whether each may be alive."""
    sql = f"""
        SELECT run_id, IFNULL(state = 'RUNNING' AND lease_until > CURRENT_TIMESTAMP(), FALSE) AS alive
        FROM `{target.table("event_store", "replay_runs")}`"""
    try:
        return [(row.run_id, row.alive) for row in client.query(sql).result()]
    except NotFound:  # the stores are older than this view
        return []
