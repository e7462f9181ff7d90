"""A fresh table on a BigQuery emulator, its columns, and the clients around it."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import BigQueryWriteClient

from pipelines.bigquery_emulator.client import bigquery_client
from pipelines.bigquery_emulator.server import BigQueryEmulator
from tests.support.storage_write import write_client

Clients = tuple[BigQueryEmulator, bigquery.Client, BigQueryWriteClient]

COLUMNS = [
    bigquery.SchemaField("id", "INT64", "REQUIRED"),
    bigquery.SchemaField("data", "JSON"),
    bigquery.SchemaField("amount", "NUMERIC"),
    bigquery.SchemaField("at", "TIMESTAMP"),
    bigquery.SchemaField("notes", "STRING", "REPEATED"),
    bigquery.SchemaField("items", "RECORD", "REPEATED", fields=[bigquery.SchemaField("sku", "STRING", "REQUIRED")]),
]
SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("data", pa.string()),
        ("amount", pa.decimal128(38, 9)),
        ("at", pa.timestamp("us", "UTC")),
        ("notes", pa.list_(pa.string())),
        ("items", pa.list_(pa.struct([("sku", pa.string())]))),
    ]
)


NUMBERS = itertools.count()


@contextmanager
def running_clients(folder: Path) -> Iterator[Clients]:
    """Yield an emulator with the dataset `event_store`, and clients of both its interfaces."""
    with BigQueryEmulator(folder / "warehouse.duckdb") as server:
        rest = bigquery_client(server.rest_url)
        rest.create_dataset("event_store")
        yield server, rest, write_client(server.grpc_target)
        rest.close()


class Table:
    """A fresh table and the clients around it."""

    def __init__(self, server: BigQueryEmulator, rest: bigquery.Client, write: BigQueryWriteClient, name: str) -> None:
        self.server, self.rest, self.write, self.id = server, rest, write, name
        self.path = f"projects/local/datasets/event_store/tables/{name}"
        self.default = f"{self.path}/streams/_default"
        rest.create_table(bigquery.Table(f"local.event_store.{name}", COLUMNS))

    def ids(self) -> list[int]:
        return [row.id for row in self.rest.query_and_wait(f"SELECT id FROM event_store.{self.id} ORDER BY id")]


def rows(*ids: int) -> list[dict[str, Any]]:
    return [{"id": number} for number in ids]
