"""Undo a failed batch run: delete its rows and its files, so that the stores are as before it.

The commit of a batch run makes one table after another visible, the event store last. If it fails or is killed between two
of them, the tables before would show rows of a run that failed. The event store's rows are deleted first and the files
last, so that an undo that is killed itself is told from a run that was published as a whole.
"""

from typing import Any

from apache_beam.io.filesystems import FileSystems
from google.cloud import bigquery

from pipelines.lake.listing import StoredFile, stored_files
from pipelines.stores.bigquery_errors import SERVICE_ERRORS
from pipelines.stores.run_record import DeadRun, UndoIncomplete
from pipelines.stores.target import Endpoints, Target
from schemas.tables.definitions import DATASET_OF
from transforms.sinks.bigquery.commit import COMMITTED_LAST
from transforms.sinks.bigquery.counters import APPENDED_TABLES
from transforms.sinks.files.manifests import newest
from transforms.sinks.files.publish import Manifest, delete_files, publish

STORAGE_WRITE = "STORAGE_WRITE"
FOLDERS = ("archive", "dead_letters", "ml", "undelivered")


def undo_run(endpoints: Endpoints, target: Target, run_id: str) -> str:
    """Delete the rows and the files of a run; return a sentence that says so.

    Args:
        endpoints: clients of the target.
        target: the stores; nothing else may write to them meanwhile.
        run_id: the run.

    Raises:
        UndoIncomplete: BigQuery rejected the deletion; the next command that writes repeats it.
    """
    try:
        for table in sorted(APPENDED_TABLES, key=lambda table: table != COMMITTED_LAST):
            name = target.table(DATASET_OF[table], table)
            parameters = [bigquery.ScalarQueryParameter("run_id", "STRING", run_id)]
            config = bigquery.QueryJobConfig(query_parameters=parameters)
            endpoints.bigquery.query(f"DELETE FROM `{name}` WHERE run_id = @run_id", job_config=config).result()
    except SERVICE_ERRORS as error:
        raise UndoIncomplete(
            f"rows of run {run_id} may be left in the tables, for they could not be deleted ({type(error).__name__});"
            " the next command that writes deletes them"
        ) from error
    undo_files(target.lake, run_id)
    return "no row and no file of the run is left"


def undo_killed(endpoints: Endpoints, target: Target, run: DeadRun) -> bool:
    """Delete what a killed run has published, unless that is its whole result; return whether nothing is left to do.

    Rows of Beam's own two methods are visible before the run has ended, so that they never tell that a run is whole.
    """
    whole = run.error is None and run.bigquery_method in (None, STORAGE_WRITE)
    try:
        if not (whole and has_events(endpoints, target, run.run_id)):
            undo_run(endpoints, target, run.run_id)
    except (UndoIncomplete, *SERVICE_ERRORS):
        return False
    return True


def has_events(endpoints: Endpoints, target: Target, run_id: str) -> bool:
    """Tell whether the event store shows the run's events: then all of its tables are committed."""
    name = target.table(DATASET_OF[COMMITTED_LAST], COMMITTED_LAST)
    config = bigquery.QueryJobConfig(query_parameters=[bigquery.ScalarQueryParameter("run_id", "STRING", run_id)])
    return any(
        endpoints.bigquery.query(f"SELECT 1 FROM `{name}` WHERE run_id = @run_id LIMIT 1", job_config=config).result()
    )


def undo_files(lake: str, run_id: str) -> None:
    """Take a run's files out of their windows, and delete them."""
    windows: dict[tuple[str, str], list[StoredFile]] = {}
    for file in stored_files(lake, *FOLDERS):
        if file.name.lstrip(".").startswith(f"{run_id}-") or (
            file.is_manifest and file.name.endswith(f"-{run_id}.json")
        ):
            windows.setdefault((file.feed, file.partition), []).append(file)
    for (feed, partition), files in windows.items():
        _undo_window(lake, feed, partition, [file.name for file in files], run_id)


def _undo_window(lake: str, feed: str, partition: str, names: list[str], run_id: str) -> None:
    manifest = newest(lake, feed, partition)
    entries: list[Any] = manifest["files"] if manifest is not None else []
    kept = [entry for entry in entries if entry["name"] not in names]
    if manifest is not None and run_id in manifest["run_ids"] and kept:

        def without(before: Manifest | None) -> Manifest:
            generation = before["generation"] if before is not None else 0
            rows = sum(entry["rows"] for entry in kept)
            return {**(before or {}), "generation": generation + 1, "run_id": run_id, "rows": rows, "files": kept}

        publish(lake, feed, partition, run_id, without, retire=delete_files)
    folder = FileSystems.join(lake, feed, partition)
    manifests = {name for name in names if name.startswith("_manifest-")}
    left = [name for name in names if not (kept and name in manifests)]
    delete_files(lake, feed, partition, [name for name in left if FileSystems.exists(FileSystems.join(folder, name))])
