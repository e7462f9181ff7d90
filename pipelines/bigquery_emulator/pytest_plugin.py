"""Pytest fixtures: an emulator per test session, and a client with datasets of its own per test.

In a conftest.py: `pytest_plugins = ["pipelines.bigquery_emulator.pytest_plugin"]`.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from google.cloud import bigquery

from pipelines.bigquery_emulator.client import bigquery_client
from pipelines.bigquery_emulator.server import BigQueryEmulator


@pytest.fixture(scope="session")
def bigquery_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BigQueryEmulator]:
    """Yield an emulator over a file of its own; it has `rest_url` and `grpc_target`."""
    with BigQueryEmulator(tmp_path_factory.mktemp("bigquery-emulator") / "warehouse.duckdb") as emulator:
        yield emulator


@pytest.fixture
def bigquery_emulator_client(bigquery_emulator: BigQueryEmulator) -> Iterator[bigquery.Client]:
    """Yield a client; datasets that a test leaves are deleted after it."""
    with bigquery_client(bigquery_emulator.rest_url, grpc_target=bigquery_emulator.grpc_target) as client:
        yield client
        for dataset in list(client.list_datasets()):
            client.delete_dataset(dataset.reference, delete_contents=True, not_found_ok=True)
