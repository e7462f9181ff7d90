"""The location of the stores: one option group for every command that reads or writes them.

`--output DIR` is local: DIR/warehouse.duckdb behind the BigQuery emulator, and DIR/lake. `--project` is the cloud. In
both cases code uses Google's clients.
"""

import argparse
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from google.auth.exceptions import DefaultCredentialsError
from google.cloud import bigquery

from pipelines.bigquery_emulator.address_file import WarehouseLocked
from pipelines.bigquery_emulator.client import bigquery_client, connect
from pipelines.bigquery_emulator.faults.script import FaultScript
from pipelines.bigquery_emulator.subprocess_server import EmulatorProcess
from pipelines.errors import RunFailed, UserError
from pipelines.stores.bigquery_errors import SERVICE_ERRORS, describe_error
from pipelines.stores.folder_lock import lock_folder
from pipelines.stores.output_folder import LAKE, WAREHOUSE, needs_settling, settle
from schemas.tables.definitions import ANALYTICS, EVENT_STORE
from schemas.views import Names

if TYPE_CHECKING:
    from pipelines.bigquery_emulator.server import BigQueryEmulator

LOCAL_PROJECT = "local"

_PROJECT = re.compile(r"(?:[a-z0-9.-]+:)?[a-z][a-z0-9-]{3,62}")
_DATASET = re.compile(r"[A-Za-z0-9_]{1,1024}")


@dataclass(frozen=True)
class Endpoints:
    """The clients of an open target. The last two are None for Google's own addresses."""

    bigquery: bigquery.Client
    write_endpoint: str | None = None
    """host:port of the emulator's Storage Write API."""
    rest_url: str | None = None
    """The emulator's REST address, for Beam's own BigQuery clients."""


@dataclass(frozen=True)
class Target:
    """Project, datasets and lake root; `directory` is None in the cloud, `lake` is empty if none is given."""

    project: str
    event_store: str = EVENT_STORE
    analytics: str = ANALYTICS
    lake: str = ""
    directory: Path | None = None
    location: str | None = None
    shown: Path | None = None
    """The folder that errors name, when the stores are built inside it."""

    @classmethod
    def local(
        cls, directory: Path, event_store: str = EVENT_STORE, analytics: str = ANALYTICS, shown: Path | None = None
    ) -> "Target":
        """Return the target of a folder on this machine; UserError if it cannot contain a warehouse."""
        if directory.exists() and not directory.is_dir():
            raise UserError(f"--output {directory}: is a file, a folder is needed")
        if "?" in str(directory.resolve()):
            raise UserError(f"--output {directory}: DuckDB cannot open a path with a question mark")
        return cls(LOCAL_PROJECT, event_store, analytics, str(directory / LAKE), directory, shown=shown)

    @classmethod
    def from_args(cls, args: argparse.Namespace, *, needs_lake: bool = False) -> "Target":
        """Return the target that the options name; UserError if they name none or two, or are incomplete."""
        for option in ("event_store_dataset", "analytics_dataset"):
            _check(option, getattr(args, option), _DATASET, "letters, digits and underscores")
        event_store, analytics = args.event_store_dataset, args.analytics_dataset
        if event_store.lower() == analytics.lower():
            raise UserError(f"--analytics_dataset {analytics}: is also the event store's dataset; give two names")
        if args.output is None and args.project is None:
            raise UserError("--output DIR or --project P: one of them is required")
        if args.output is not None:
            for option in ("project", "lake", "location"):
                if (value := getattr(args, option)) is not None:
                    raise UserError(f"--{option} {value}: does not go with --output {args.output}; give one of them")
            return cls.local(Path(args.output), event_store, analytics)
        _check("project", args.project, _PROJECT, "a Google Cloud project id")
        if needs_lake and not args.lake:
            raise UserError(f"--lake: required with --project {args.project}; give gs://BUCKET[/FOLDER]")
        return cls(args.project, event_store, analytics, (args.lake or "").rstrip("/"), None, args.location)

    def dataset(self, dataset: str) -> str:
        """Return the real name of the dataset that schemas call event_store or analytics."""
        return {EVENT_STORE: self.event_store, ANALYTICS: self.analytics}[dataset]

    def table(self, dataset: str, name: str) -> str:
        """Return `project.dataset.name`, as Google's clients take it."""
        return f"{self.project}.{self.dataset(dataset)}.{name}"

    def names(self, window_seconds: int = 60) -> Names:
        """Return the names that view queries are rendered with."""
        return Names(self.project, self.event_store, self.analytics, window_seconds)

    @contextmanager
    def open(
        self, create: bool = False, faults: FaultScript | None = None, *, separate: bool = False
    ) -> Iterator[Endpoints]:
        """Yield clients of the stores: Google's, those of a running emulator, or of an emulator that is started for
        the block (`separate`: as a separate process).

        Raises:
            UserError: the folder has no warehouse (unless `create`), another process has locked it, or the project has
                no credentials.
            RunFailed: BigQuery rejected a call or did not answer during the block.
        """
        if self.directory is None:
            with translate_store_errors(f"--project {self.project}"):
                yield Endpoints(_cloud_client(self.project, self.location))
            return
        shown = self.shown or self.directory
        if needs_settling(self.directory):  # a command was killed while it swapped results
            with lock_folder(self.directory, "recovery"):
                settle(self.directory)
        running = connect(self.directory)
        if running is not None:
            if faults is not None:
                raise UserError(
                    f"--output {shown}: a running process serves its warehouse; pass the faults to that process"
                )
            with translate_store_errors(f"--output {shown}"):
                yield Endpoints(bigquery_client(running.rest_url, self.project), running.grpc_target, running.rest_url)
            return
        path = self.directory / WAREHOUSE
        if not create and not path.is_file():
            raise UserError(f"--output {shown}: there is no {WAREHOUSE} in it; the command `local` creates it")
        try:
            server = EmulatorProcess(path, self.project) if separate else _start_in_process(path, self.project, faults)
        except (WarehouseLocked, OSError) as error:
            raise UserError(f"--output {shown}: {error}") from None
        with server:
            client = bigquery_client(server.rest_url, self.project)
            try:
                with translate_store_errors(f"--output {shown}"):
                    yield Endpoints(client, server.grpc_target, server.rest_url)
            finally:
                client.close()


def _start_in_process(path: Path, project: str, faults: FaultScript | None) -> "BigQueryEmulator":
    """Start the emulator in this process. DuckDB and the SQL parser are imported only here: that takes a second."""
    from pipelines.bigquery_emulator.server import BigQueryEmulator

    return BigQueryEmulator(path, faults=faults, project=project)


def check_not_served(directory: Path) -> None:
    """Reject a folder whose warehouse a running process serves: replacing the file would not change its answers."""
    running = connect(directory)
    if running is not None:
        raise UserError(f"--output {directory}: process {running.pid} serves its warehouse; wait until it ends")


@contextmanager
def translate_store_errors(option: str) -> Iterator[None]:
    """Raise service errors as RunFailed with one line that names the option."""
    try:
        yield
    except SERVICE_ERRORS as error:
        raise RunFailed(f"{option}: BigQuery rejected the call or did not answer: {describe_error(error)}") from error


def _check(option: str, value: str, pattern: re.Pattern[str], what: str) -> None:
    if not pattern.fullmatch(value):
        raise UserError(f"--{option} {value}: must be {what}")


def _cloud_client(project: str, location: str | None) -> bigquery.Client:
    try:
        return bigquery.Client(project=project, location=location)
    except DefaultCredentialsError:
        raise UserError(
            f"--project {project}: no Google credentials found; `gcloud auth application-default login` creates them"
        ) from None
