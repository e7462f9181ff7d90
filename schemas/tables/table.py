"""A table: its dataset, its columns, and its schema in BigQuery, Arrow and Avro."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa

from schemas.tables.column import Column
from schemas.tables.datasets import ANALYTICS as ANALYTICS
from schemas.tables.datasets import EVENT_STORE as EVENT_STORE


@dataclass(frozen=True)
class Table:
    """One table: its dataset, its columns, how BigQuery partitions (column, DAY or MONTH) and clusters it."""

    dataset: str
    name: str
    description: str
    columns: tuple[Column, ...]
    partition: tuple[str, str]
    cluster: tuple[str, ...] = ()

    @cached_property
    def _arrow(self) -> pa.Schema:
        return pa.schema([column.arrow_field() for column in self.columns])

    def arrow_schema(self) -> pa.Schema:
        """Return the Arrow schema of the table's rows."""
        return self._arrow

    def bigquery_fields(self) -> list[dict[str, Any]]:
        """Return the schema fields of BigQuery's REST API."""
        return [column.bigquery_field() for column in self.columns]

    def avro_schema(self) -> dict[str, Any]:
        """Return the Avro record schema of the table's rows."""
        return {"type": "record", "name": self.name, "fields": [column.avro_field() for column in self.columns]}


def text(name: str, description: str, **more: Any) -> Column:
    """Return a required column of text."""
    return Column(name, "STRING", description, required=True, **more)


def time(name: str, description: str, **more: Any) -> Column:
    """Return a column of an instant; `required=False` if it may be NULL."""
    return Column(name, "TIMESTAMP", description, **{"required": True, **more})


def count(name: str, description: str) -> Column:
    """Return a required column of a whole number."""
    return Column(name, "INT64", description, required=True)
