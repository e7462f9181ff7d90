"""Undo a failed batch run: delete its rows and its files, so that the stores are as before it.

The commit of a batch run makes one table after another visible. If it fails between two of them, the tables before would
show rows of a run that failed.
"""

from typing import Any

from apache_beam.io.filesystems import FileSystems
from google.cloud import bigquery

from pipelines.lake.listing import StoredFile, stored_files
from pipelines.stores.bigquery_errors import SERVICE_ERRORS
from pipelines.stores.target import Endpoints, Target
from schemas.tables.definitions import DATASET_OF
from transforms.sinks.bigquery.counters import APPENDED_TABLES
from transforms.sinks.files.manifests import newest
from transforms.sinks.files.publish import Manifest, delete_files, publish

FOLDERS = ("archive", "dead_letters", "ml", "undelivered")


def undo_run(endpoints: Endpoints, target: Target, run_id: str) -> str:
    """Delete the rows and the files of a run; return a sentence on what is left of it.

    Args:
        endpoints: clients of the target.
        target: the stores; nothing else may write to them meanwhile.
        run_id: the run.
    """
    undo_files(target.lake, run_id)
    try:
        for table in APPENDED_TABLES:
            name = target.table(DATASET_OF[table], table)
            parameters = [bigquery.ScalarQueryParameter("run_id", "STRING", run_id)]
            config = bigquery.QueryJobConfig(query_parameters=parameters)
            endpoints.bigquery.query(f"DELETE FROM `{name}` WHERE run_id = @run_id", job_config=config).result()
    except SERVICE_ERRORS as error:
        return f"rows of run {run_id} may be left in the tables, for they could not be deleted: {type(error).__name__}"
    return "no row and no file of the run is left"


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
