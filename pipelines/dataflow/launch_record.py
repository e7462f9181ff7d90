"""What the launcher of the streaming template does on the stores before it submits the job.

It compares the options with the settings of the store, and records the run: the rows of the job name it, and its record
names the options and the version of the key of pseudonyms. The job itself writes no record: workers come and go.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pipelines.command_options.stream_options import StreamOptions, stream_job_options, subscriptions_of
from pipelines.command_options.target_options import make_target
from pipelines.dataflow.secret_key import SecretKey, read_secret
from pipelines.errors import UserError
from pipelines.job import make_run_id
from pipelines.read_options import read_options
from pipelines.replay.run_records import RunRecords
from pipelines.stores.bigquery_errors import SERVICE_ERRORS, describe_error
from pipelines.stores.open_stores import open_stores
from pipelines.stores.run_record import Run, recorded
from pipelines.stores.settings import KeyOfRun, provision_agreed
from transforms.clock import wall_us

COMMAND = "launch"
"""The command of the record. It is DONE when the job is submitted; a `stream` that is killed leaves RUNNING instead."""


def record_launch(values: Mapping[str, Any]) -> dict[str, Any]:
    """Check the settings of the store and record the run; return the values with its name.

    Raises:
        UserError: the stores cannot be reached, or an option differs from their settings.
    """
    started, options = wall_us(), read_options(StreamOptions, values)
    run_id = make_run_id(options.run_id, started)
    options = replace(options, run_id=run_id)
    subscriptions_of(options)  # a mistake in the options is reported before a service is reached
    target, key = make_target(options, needs_lake=True), read_secret(values["pii_key_secret"])
    job = stream_job_options(options, key)
    configuration = {**values, "run_id": run_id}
    if isinstance(key, SecretKey):
        configuration["pii_key_name"] = key.name  # the version that `latest` was when the job was launched
    run = Run(
        run_id=run_id,
        command=COMMAND,
        started=started,
        mode="stream",
        source="subscriptions",
        configuration=configuration,
        pii_key_version=job.pii_key_version,
    )
    with open_stores(target) as endpoints:
        RunRecords(endpoints.bigquery, target).reach()
        try:
            provision_agreed(
                endpoints,
                target,
                run_id=run_id,
                window_seconds=job.window_seconds,
                dedup_horizon_seconds=options.dedup_horizon,
                key=KeyOfRun(job.pii_key_version),
            )
            with recorded(endpoints.bigquery, target, run):
                pass
        except SERVICE_ERRORS as error:
            raise UserError(
                f"--project {target.project}: the stores cannot be used: {describe_error(error)}"
            ) from error
    return {**values, "run_id": run_id}
