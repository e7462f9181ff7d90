"""Finish what killed commands left unfinished, before any command that writes begins.

A publish that was killed after its rows were committed lacks its files; a streaming run that did not end cleanly may lack
rows of messages that are in the archive; a batch run that was killed has a record that says RUNNING.
"""

from pipelines.config import JobConfig
from pipelines.job import whoami
from pipelines.lake.bucket_archive import files_of, first_publish, name_files
from pipelines.lake.undo import undo_killed
from pipelines.replay.crash_recovery import first_publish_since, recover
from pipelines.replay.run_records import RunRecords
from pipelines.replay.staging import finish_publishes
from pipelines.stores.interrupted_streams import Interrupted, close_interrupted, interrupted_runs
from pipelines.stores.run_record import close_dead_runs
from pipelines.stores.target import Endpoints, Target


def recover_streams(endpoints: Endpoints, target: Target, job: JobConfig, *, sagas: bool = False) -> bool:
    """Store what streaming runs that did not end cleanly have archived and not stored, and close their records.

    Args:
        job: the config of the run that recovers.
        sagas: compute the sagas of the range too; a streaming run reads their history itself.

    Returns:
        Whether nothing is left to recover.
    """
    dead = interrupted_runs(endpoints.bigquery, target)
    since = min((run.since for run in dead), default=None)
    if since is not None:
        archived = _first_archived(target.lake, dead, job.run.run_id)
        since = since if archived is None else min(since, archived)
    done = recover(endpoints, target, job, whoami(), since, sagas=sagas)
    if done:
        close_interrupted(endpoints.bigquery, target, dead, job.run.run_id)
    return done


def _first_archived(lake: str, dead: list[Interrupted], by: str) -> int | None:
    """Return the earliest publish time of what dead runs archived last; in a bucket, manifests name it from now on."""
    runs, renewed = [run.run_id for run in dead], min(run.renewed for run in dead)
    if "://" not in lake:
        return first_publish_since(lake, runs, renewed)
    files = files_of(lake, runs, renewed)
    name_files(lake, files, by)
    return first_publish(files)


def finish_batch_runs(endpoints: Endpoints, target: Target, run_id: str) -> None:
    """Close the records of killed batch runs in a folder, and delete what they have published in part.

    Args:
        run_id: the run that is about to write.
    """
    close_dead_runs(endpoints.bigquery, target, run_id, lambda run: undo_killed(endpoints, target, run))


def finish_killed_runs(endpoints: Endpoints, target: Target, job: JobConfig) -> None:
    """Finish what killed commands left, for a batch command; the caller holds the lock of a folder.

    In the cloud an owner may be alive elsewhere: there a run is dead once its lease is over, and `claim_range` finishes
    publishes. Without a lake there is nothing to recover from.

    Args:
        job: the config of the run that is about to write.
    """
    if target.directory is None:
        if target.lake:
            recover_streams(endpoints, target, job, sagas=True)
        return
    finish_batch_runs(endpoints, target, job.run.run_id)
    finish_publishes(endpoints, target, RunRecords(endpoints.bigquery, target))
    recover_streams(endpoints, target, job, sagas=True)
