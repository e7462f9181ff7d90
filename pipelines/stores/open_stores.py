"""Open the stores of a target: Google's clients, or those of the BigQuery emulator over a folder's warehouse."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.bigquery_emulator.address_file import WarehouseLocked
from pipelines.bigquery_emulator.client import bigquery_client, connect
from pipelines.bigquery_emulator.faults.script import FaultScript
from pipelines.errors import RunFailed, UserError
from pipelines.runners.bigquery_emulator import EmulatorProcess
from pipelines.stores.bigquery_errors import SERVICE_ERRORS, describe_error
from pipelines.stores.credentials import cloud_client
from pipelines.stores.folder_lock import lock_folder
from pipelines.stores.output_folder import WAREHOUSE, needs_settling, settle
from pipelines.stores.target import Endpoints, Target

if TYPE_CHECKING:
    from pipelines.bigquery_emulator.server import BigQueryEmulator


@contextmanager
def open_stores(
    target: Target, *, create: bool = False, faults: FaultScript | None = None, separate: bool = False
) -> Iterator[Endpoints]:
    """Yield clients of a target's stores: Google's, or those of the emulator that serves the folder.

    If no process serves the folder, an emulator is started for the block.

    Args:
        create: make the warehouse if the folder has none.
        faults: the errors that a started emulator answers with.
        separate: start the emulator as a separate process.

    Raises:
        UserError: the folder has no warehouse (unless `create`), another process has locked it, or the project has
            no credentials.
        RunFailed: BigQuery rejected a call or did not answer during the block.
    """
    if target.directory is None:
        with _translate_errors(f"--project {target.project}"):
            yield Endpoints(cloud_client(target.project, target.location))
        return
    directory, shown = target.directory, target.shown or target.directory
    if needs_settling(directory):  # a command was killed while it swapped results
        with lock_folder(directory, "recovery"):
            settle(directory)
    running = connect(directory)
    if running is not None:
        if faults is not None:
            raise UserError(
                f"--output {shown}: a running process serves its warehouse; pass the faults to that process"
            )
        with _translate_errors(f"--output {shown}"):
            yield Endpoints(bigquery_client(running.rest_url, target.project), running.grpc_target, running.rest_url)
        return
    path = directory / WAREHOUSE
    if not create and not path.is_file():
        raise UserError(f"--output {shown}: there is no {WAREHOUSE} in it; the command `local` creates it")
    try:
        server = EmulatorProcess(path, target.project) if separate else _start_here(path, target.project, faults)
    except (WarehouseLocked, OSError) as error:
        raise UserError(f"--output {shown}: {error}") from None
    with server:
        client = bigquery_client(server.rest_url, target.project)
        try:
            with _translate_errors(f"--output {shown}"):
                yield Endpoints(client, server.grpc_target, server.rest_url)
        finally:
            client.close()


def check_not_served(directory: Path) -> None:
    """Reject a folder whose warehouse a running process serves: replacing the file would not change its answers."""
    running = connect(directory)
    if running is not None:
        raise UserError(f"--output {directory}: process {running.pid} serves its warehouse; wait until it ends")


def _start_here(path: Path, project: str, faults: FaultScript | None) -> "BigQueryEmulator":
    """Start the emulator in this process. DuckDB and the SQL parser are imported only here: that takes a second."""
    from pipelines.bigquery_emulator.server import BigQueryEmulator

    return BigQueryEmulator(path, faults=faults, project=project)


@contextmanager
def _translate_errors(option: str) -> Iterator[None]:
    """Raise service errors as RunFailed with one line that names the option."""
    try:
        yield
    except SERVICE_ERRORS as error:
        raise RunFailed(f"{option}: BigQuery rejected the call or did not answer: {describe_error(error)}") from error
