"""The location of the stores: a folder of this machine, or datasets and a lake of a Google Cloud project.

A folder holds warehouse.duckdb, which the BigQuery emulator serves, and the lake. In both cases code uses Google's
clients (open_stores.py).
"""

from dataclasses import dataclass
from pathlib import Path

from google.cloud import bigquery

from pipelines.errors import UserError
from pipelines.stores.output_folder import LAKE
from schemas.tables.definitions import ANALYTICS, EVENT_STORE
from schemas.views import Names

LOCAL_PROJECT = "local"


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

    def dataset(self, dataset: str) -> str:
        """Return the real name of the dataset that schemas call event_store or analytics."""
        return {EVENT_STORE: self.event_store, ANALYTICS: self.analytics}[dataset]

    def table(self, dataset: str, name: str) -> str:
        """Return `project.dataset.name`, as Google's clients take it."""
        return f"{self.project}.{self.dataset(dataset)}.{name}"

    def names(self, window_seconds: int = 60) -> Names:
        """Return the names that view queries are rendered with."""
        return Names(self.project, self.event_store, self.analytics, window_seconds)
