"""Where our tables are in BigQuery, and the client that reaches them from a worker."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from google.cloud.bigquery_storage_v1 import BigQueryWriteClient
from google.cloud.bigquery_storage_v1.services.big_query_write.transports import BigQueryWriteGrpcTransport

from transforms.emulator_clients import channel


@dataclass(frozen=True)
class BigQueryTables:
    """The location of the tables; `dataset_of` gives the dataset of each table, event store or analytics."""

    project: str
    dataset_of: Mapping[str, str]
    event_store: str = "event_store"
    analytics: str = "analytics"

    def __post_init__(self) -> None:
        for table, dataset in self.dataset_of.items():
            if dataset not in ("event_store", "analytics"):
                raise ValueError(f"dataset_of[{table!r}] must be 'event_store' or 'analytics', got {dataset!r}")

    def name(self, table: str) -> str:
        """Return project.dataset.table."""
        return f"{self.project}.{self._dataset(table)}.{table}"

    def path(self, table: str) -> str:
        """Return the resource name of the Storage API."""
        return f"projects/{self.project}/datasets/{self._dataset(table)}/tables/{table}"

    def _dataset(self, table: str) -> str:
        return {"event_store": self.event_store, "analytics": self.analytics}[self.dataset_of[table]]


def trace_id() -> str:
    """Name this project and its version in BigQuery's own logs."""
    try:
        return f"event-pipelines:{version('event-pipelines')}"
    except PackageNotFoundError:  # run from a checkout
        return "event-pipelines:0"


@dataclass(frozen=True)
class Connect:
    """Makes the client on the worker: to an emulator at its address, or to BigQuery."""

    endpoint: str | None

    def __call__(self) -> BigQueryWriteClient:
        if self.endpoint is None:
            return BigQueryWriteClient()
        opened = channel(self.endpoint, [("grpc.max_reconnect_backoff_ms", 2000)])
        return BigQueryWriteClient(transport=BigQueryWriteGrpcTransport(channel=opened))
