"""The staging of a replay: two datasets and a folder of the lake, named by its run, and the cleanup of leftovers."""

import logging
import shutil
from dataclasses import replace
from pathlib import Path

from google.cloud import bigquery

from pipelines.replay.lake_files import STAGING, drop_folder, publish_staged, staged_plans
from pipelines.replay.merge_statements import Statements
from pipelines.replay.run_records import RunRecords
from pipelines.stores.target import Endpoints, Target

PREFIX = "replay_"
_LOG = logging.getLogger(__name__)


def staged_target(target: Target, run_id: str) -> Target:
    """Return the stores that a run stages into."""
    name = PREFIX + "".join(char if char.isalnum() else "_" for char in run_id)
    return replace(target, event_store=f"{name}_store", analytics=name, lake=f"{target.lake}/{STAGING}/{run_id}")


def make_staging(endpoints: Endpoints, target: Target, run_id: str) -> None:
    """Create the empty datasets and tables of a run's staging."""
    client, staged = endpoints.bigquery, staged_target(target, run_id)
    for name, live_name in ((staged.event_store, target.event_store), (staged.analytics, target.analytics)):
        live = client.get_dataset(f"{target.project}.{live_name}")
        client.create_dataset(beside(live, name))
    client.query(Statements(target, staged).stage_tables()).result()


def beside(live: bigquery.Dataset, name: str) -> bigquery.Dataset:
    """Return a new dataset with the location and the customer-managed key of a live one: it holds the same data."""
    made = bigquery.Dataset(f"{live.project}.{name}")
    made.location = live.location
    if live.default_encryption_configuration is not None:
        made.default_encryption_configuration = live.default_encryption_configuration
    return made


def drop_staging(endpoints: Endpoints, target: Target, run_id: str) -> None:
    """Drop the staging of this run or of a dead run."""
    drop_datasets(endpoints, target, run_id)
    drop_files(target, run_id)


def drop_datasets(endpoints: Endpoints, target: Target, run_id: str) -> None:
    """Drop the datasets of a run's staging."""
    staged = staged_target(target, run_id)
    for name in (staged.event_store, staged.analytics):
        endpoints.bigquery.delete_dataset(f"{target.project}.{name}", delete_contents=True, not_found_ok=True)


def drop_files(target: Target, run_id: str) -> None:
    """Delete the staged files of a run."""
    folder = staged_target(target, run_id).lake
    if target.directory is None:
        drop_folder(folder)
        return
    shutil.rmtree(folder, ignore_errors=True)
    parent = Path(folder).parent
    if parent.is_dir() and not any(parent.iterdir()):
        parent.rmdir()


def finish_publishes(endpoints: Endpoints, target: Target, run_records: RunRecords) -> list[str]:
    """Publish the staged files of runs that were killed after their transaction; return the names of these runs.

    Staged files of runs that failed are deleted. Those of a run that may be alive are left alone. Every command that
    writes files calls this before it writes.
    """
    finished = []
    for run_id, folder in list(staged_plans(target.lake)) if target.lake else []:
        state = run_records.state(run_id)
        if target.directory is None and run_records.ended_just_now(run_id):
            continue  # a folder has one writer, whose lock the caller holds; a bucket may have several
        if state == "DONE":
            publish_staged(folder, target.lake, run_id)
            finished.append(run_id)
            _LOG.warning("%s: its files are published now; it was killed after its rows were", run_id)
        if state != "RUNNING":
            drop_staging(endpoints, target, run_id)
    return finished


def drop_leftovers(endpoints: Endpoints, target: Target, run_records: RunRecords) -> None:
    """Drop the datasets of runs that ended without dropping them, because BigQuery no longer answered."""
    client = endpoints.bigquery
    names = {dataset.dataset_id for dataset in client.list_datasets(target.project)}
    if not any(name.startswith(PREFIX) for name in names):
        return
    for run_id in run_records.ended_runs():
        if staged_target(target, run_id).event_store in names or staged_target(target, run_id).analytics in names:
            drop_datasets(endpoints, target, run_id)
