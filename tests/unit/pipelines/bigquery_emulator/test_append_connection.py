"""What an append does to DuckDB's memory, and to an emulator whose database DuckDB has ended."""

import threading
from types import SimpleNamespace
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from pipelines.bigquery_emulator.errors import WriteError
from pipelines.bigquery_emulator.storage_write.connection import AppendConnection
from pipelines.bigquery_emulator.store.warehouse import LARGE_ROWS_MIB, Warehouse


def connection(warehouse: Any, error: Exception | None = None) -> AppendConnection:
    def insert(*_: object) -> None:
        if error is not None:
            raise error

    return AppendConnection(warehouse, None, SimpleNamespace(insert=insert))  # type: ignore[arg-type]


def rows(size: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"data": ["x" * size] * 2})


@pytest.mark.parametrize(
    ("error", "failed"), [(duckdb.FatalException("x"), True), (duckdb.OutOfMemoryException("x"), False)]
)
def test_a_fatal_error_marks_the_warehouse_as_failed(error, failed):
    warehouse = SimpleNamespace(failed=threading.Event())
    with pytest.raises(WriteError, match="while writing to d"):
        connection(warehouse, error)._insert(("d", "t"), rows(10))
    assert warehouse.failed.is_set() is failed


def test_large_rows_get_more_memory_for_good(tmp_path):
    warehouse = Warehouse(tmp_path / "warehouse.duckdb", "local", 64)
    try:
        connection(warehouse)._insert(("d", "t"), rows(1000))
        assert memory_limit(warehouse) < 100
        connection(warehouse)._insert(("d", "t"), rows(100_000))
        with warehouse.query_memory():
            pass
        assert memory_limit(warehouse) == pytest.approx(LARGE_ROWS_MIB, rel=0.01)
    finally:
        warehouse.close()


def memory_limit(warehouse: Warehouse) -> float:
    """Return DuckDB's limit, MiB."""
    with warehouse.cursor() as cursor:
        text = cursor.execute("select current_setting('memory_limit')").fetchone()[0]
    number, unit = text.split()
    return float(number) * {"MiB": 1, "GiB": 1024}[unit]
