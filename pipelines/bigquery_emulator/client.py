"""Google's own clients, ready for a loopback address: no credentials are looked for, nothing leaves the machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from pipelines.bigquery_emulator.address_file import Address, read_address


class _Client(bigquery.Client):
    """A client that never turns to the Storage Read API, which the loopback does not offer."""

    def _ensure_bqstorage_client(self, *args: Any, **kwargs: Any) -> None:
        return None


def bigquery_client(rest_url: str, project: str = "local") -> bigquery.Client:
    """Return a REST client for a loopback BigQuery."""
    return _Client(
        project=project,
        credentials=AnonymousCredentials(),
        client_options=ClientOptions(api_endpoint=rest_url),
    )


def connect(folder: Path) -> Address | None:
    """Return the address of the loopback BigQuery that holds the warehouse in a folder; None without a live one."""
    return read_address(folder)
