"""DuckDB alone: duck.sql reads, checks, deduplicates and selects the tables' columns; each is copied to Parquet here.

Not expressible in SQL, or only roughly: the nesting limit of 64, and `data` as it came (DuckDB serializes JSON again).
"""

from pathlib import Path

import duckdb

from benchmarks.digest import WRITTEN
from benchmarks.inputs import topic_files

SQL = Path(__file__).with_suffix(".sql")


def run(source: Path, output: Path) -> None:
    """Run it."""
    with duckdb.connect() as duck:
        files = ", ".join(f"'{path}'" for path in topic_files(source))
        duck.execute(f"SET TimeZone = 'UTC'; SET VARIABLE files = [{files}]; " + SQL.read_text())
        for name in WRITTEN:
            (output / name).mkdir()
            duck.execute(f"COPY {name} TO '{output / name / 'part.parquet'}' (FORMAT parquet, COMPRESSION snappy)")
