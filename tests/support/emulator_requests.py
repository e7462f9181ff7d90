"""Plain HTTP requests to a running BigQuery emulator, with and without its token."""

import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipelines.bigquery_emulator.access_token import split_token
from pipelines.bigquery_emulator.client import bigquery_client
from pipelines.bigquery_emulator.server import BigQueryEmulator

QUERIES = "/bigquery/v2/projects/local/queries"


DATASETS = "/bigquery/v2/projects/local/datasets"


TABLE = "/bigquery/v2/projects/local/datasets/analytics/tables/secrets"


SELECT_1 = json.dumps({"query": "SELECT 1 AS x", "useLegacySql": False})


def host_of(server: BigQueryEmulator) -> str:
    return split_token(server.rest_url)[0].removeprefix("http://")


def token_of(server: BigQueryEmulator) -> str:
    return split_token(server.rest_url)[1]


def call(
    server: BigQueryEmulator,
    method: str = "POST",
    path: str = QUERIES,
    body: str | bytes | None = SELECT_1,
    headers: dict[str, str] | None = None,
    *,
    token: bool = False,
) -> tuple[int, dict[str, Any]]:
    """Send one request with the headers of a page unless others are given; return status and body."""
    connection = http.client.HTTPConnection(host_of(server), timeout=30)
    sent = {"Content-Type": "text/plain", **(headers or {})}
    if token:
        sent.setdefault("Authorization", f"Bearer {token_of(server)}")
    connection.request(method, path, body, sent)
    response = connection.getresponse()
    text = response.read()
    connection.close()
    return response.status, json.loads(text or b"{}")


def raw(server: BigQueryEmulator, data: bytes) -> bytes:
    """Send bytes and return all that comes back until the server hangs up."""
    host, port = host_of(server).split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(data)
        received = b""
        while part := connection.recv(65536):
            received += part
        return received


@contextmanager
def emulator_with_secrets(folder: Path) -> Iterator[BigQueryEmulator]:
    """Run an emulator with a table, a function and a table function."""
    with BigQueryEmulator(folder / "run" / "warehouse.duckdb") as server:
        with bigquery_client(server.rest_url) as client:
            client.create_dataset("analytics")
            client.query_and_wait("CREATE TABLE analytics.secrets AS SELECT 'TOPSECRET' AS secret")
            client.query_and_wait("CREATE FUNCTION analytics.twice(x INT64) AS (2 * x)")
            client.query_and_wait("CREATE TABLE FUNCTION analytics.few(m INT64) AS SELECT m AS n")
        yield server
