"""DuckDB alone: duck.sql reads, checks, deduplicates and cuts the tables' columns; here each is copied to Parquet.

What SQL cannot say, or only roughly: that nesting ends at 64, and `data` as it came (DuckDB writes JSON anew).
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
