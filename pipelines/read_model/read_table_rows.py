"""ReadTableRows: rows of our own tables by queries, as the steps that made them output them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import pyarrow as pa

from schemas.tables.definitions import TABLES
from transforms.sources.read_event_store import PAGE_ROWS, Store
from transforms.table_rows import TableRows


@dataclass(kw_only=True)
class ReadTableRows(beam.PTransform[Any, Any]):
    """Read rows by queries that give a table's columns in their order; each query is read by one worker.

    Args:
        store: how a worker reaches BigQuery.
        queries: table and query.
    """

    store: Store
    queries: list[tuple[str, str]]

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection[TableRows]:
        return (
            pbegin
            | "Queries" >> beam.Create(self.queries, reshuffle=False)
            | "Share" >> beam.Reshuffle()
            | "Read" >> beam.ParDo(_ReadFn(self.store))
        )


class _ReadFn(beam.DoFn):
    def __init__(self, store: Store) -> None:
        self._store = store

    def setup(self) -> None:
        self._client = self._store.client()

    def process(self, query: tuple[str, str]) -> Iterator[TableRows]:
        table, sql = query
        schema = TABLES[table].arrow_schema()
        rows = self._client.query(sql).result(page_size=PAGE_ROWS)
        for page in rows.pages:
            cells = [dict(row.items()) for row in page]
            if cells:
                yield TableRows(table, pa.RecordBatch.from_pylist(cells, schema))

    def teardown(self) -> None:
        self._client.close()
