"""Copy a DuckDB warehouse into a new file: deleted rows stay in the free blocks of the old one until they are overwritten."""

import os
from pathlib import Path

import duckdb


def compact(warehouse: Path) -> None:
    """Replace the warehouse by a copy of its rows.

    The new file is on disk before it takes the old one's name: a kill leaves one or the other, whole.

    Args:
        warehouse: the file; no process may have it open.
    """
    fresh = warehouse.with_name(f"{warehouse.name}.fresh")
    for left in (fresh, fresh.with_name(f"{fresh.name}.wal")):
        left.unlink(missing_ok=True)
    with duckdb.connect() as connection:
        connection.execute("ATTACH $1 AS old", [str(warehouse)]).fetchall()
        connection.execute("CHECKPOINT old").fetchall()  # a log of the old file would be applied to the new one
        version = _storage_version(connection)
        options = f"(STORAGE_VERSION '{version}')" if version else ""
        connection.execute(f"ATTACH $1 AS fresh {options}", [str(fresh)]).fetchall()
        connection.execute("COPY FROM DATABASE old TO fresh").fetchall()
        connection.execute("DETACH old").fetchall()
        connection.execute("DETACH fresh").fetchall()
    with fresh.open("rb") as file:
        os.fsync(file.fileno())
    fresh.chmod(warehouse.stat().st_mode & 0o777)
    fresh.replace(warehouse)
    warehouse.with_name(f"{warehouse.name}.wal").unlink(missing_ok=True)
    folder = os.open(warehouse.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _storage_version(connection: duckdb.DuckDBPyConnection) -> str | None:
    """Return the oldest release that reads the old file, as ATTACH takes it; None if DuckDB does not tell."""
    row = connection.execute(
        "SELECT tags['storage_version'] FROM duckdb_databases() WHERE database_name = 'old'"
    ).fetchone()
    return str(row[0]).split("+")[0].split("-")[0].strip() if row and row[0] else None
