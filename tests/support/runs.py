"""Helpers of the end-to-end tests: what a command reads, and what it left."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb


def query(output: Path, sql: str) -> list[tuple[Any, ...]]:
    """Read a finished run's warehouse with plain DuckDB."""
    with duckdb.connect(str(output / "warehouse.duckdb"), read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        return connection.execute(sql).fetchall()


def write_messages(path: Path, lines: Iterable[str]) -> Path:
    """Write a message file and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(line + "\n" for line in lines))
    return path
