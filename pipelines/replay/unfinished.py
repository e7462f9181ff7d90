"""Finish what killed commands left unfinished, before any command that writes begins.

A publish that was killed after its rows were committed lacks its files; a streaming run that did not end cleanly may lack
rows of messages that are in the archive; a batch run that was killed has a record that says RUNNING.
"""

from pipelines.config import JobConfig
from pipelines.job import whoami
from pipelines.replay.crash_recovery import first_publish_since, recover
from pipelines.replay.run_records import RunRecords
from pipelines.replay.staging import finish_publishes
from pipelines.stores.interrupted_streams import close_interrupted, interrupted_runs
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
        renewed = min(run.renewed for run in dead)
        archived = first_publish_since(target.lake, [run.run_id for run in dead], renewed)
        since = since if archived is None else min(since, archived)
    done = recover(endpoints, target, job, whoami(), since, sagas=sagas)
    if done:
        close_interrupted(endpoints.bigquery, target, dead, job.run.run_id)
    return done


def finish_killed_runs(endpoints: Endpoints, target: Target, job: JobConfig) -> None:
    """Finish what killed commands left in a folder, for a batch command; the caller holds the folder's lock.

    Stores in the cloud are left to the streaming run and to the lease of each replay: an owner may be alive elsewhere.

    Args:
        job: the config of the run that is about to write.
    """
    if target.directory is None:
        return
    close_dead_runs(endpoints.bigquery, target, job.run.run_id)
    finish_publishes(endpoints, target, RunRecords(endpoints.bigquery, target))
    recover_streams(endpoints, target, job, sagas=True)
