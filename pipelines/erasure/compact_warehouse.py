"""Write a DuckDB warehouse anew: deleted rows lie in its freed pages until something is written over them."""

from pathlib import Path

import duckdb


def compact(warehouse: Path) -> None:
    """Replace the file by a copy of what is still in it; nothing may have it open."""
    fresh = warehouse.with_name(f"{warehouse.name}.fresh")
    fresh.unlink(missing_ok=True)
    with duckdb.connect() as connection:
        connection.execute("ATTACH $1 AS old (READ_ONLY)", [str(warehouse)]).fetchall()
        connection.execute("ATTACH $1 AS fresh", [str(fresh)]).fetchall()
        connection.execute("COPY FROM DATABASE old TO fresh").fetchall()
        connection.execute("DETACH old").fetchall()
        connection.execute("DETACH fresh").fetchall()
    fresh.replace(warehouse)
