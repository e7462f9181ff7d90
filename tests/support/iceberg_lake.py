"""A lake with feature files and an Iceberg catalog beside it, for tests of the tables."""

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa

from schemas.tables.lake import IOT_FEATURES
from schemas.timestamps import parse_rfc3339
from transforms.sinks.files.files import FileContent, LakeFile, stage_file
from transforms.sinks.files.manifests import newest_files
from transforms.sinks.files.parquet import parquet_bytes
from transforms.sinks.files.partitions import HOUR_US, hour_partition
from transforms.sinks.files.publish import publish_files
from transforms.sinks.iceberg.catalog import CatalogSettings, load_table, open_catalog

FEED = IOT_FEATURES.folder
START = parse_rfc3339("2026-06-15T00:00:00Z")[0]


def settings_in(folder: Path) -> CatalogSettings:
    """Return a SQLite catalog in a folder, which is created."""
    folder.mkdir(parents=True, exist_ok=True)
    return CatalogSettings(f"sqlite:///{folder / 'catalog.db'}", folder.as_uri())


def table_in(folder: Path):
    """Return the table of features of the catalog in a folder."""
    return load_table(open_catalog(settings_in(folder)), IOT_FEATURES)


def hour(number: int) -> str:
    """Return the partition of an hour of the day."""
    return hour_partition(START + number * HOUR_US)


def feature_rows(partition: str, rows: int, value: float = 1.0) -> pa.Table:
    """Return rows of features within one hour."""
    first = parse_rfc3339(f"{partition[3:13]}T{partition[-2:]}:00:00Z")[0]
    cells = {
        "window_start": [first + 60_000_000 * (row % 60) for row in range(rows)],
        "window_end": [first + 60_000_000 * (row % 60 + 1) for row in range(rows)],
        "device_id": [f"D-{row}" for row in range(rows)],
        "metric": ["t"] * rows,
        "count": [1] * rows,
        **{name: [value] * rows for name in ("min", "max", "mean", "stddev", "first", "last")},
    }
    schema = IOT_FEATURES.arrow_schema()
    return pa.table([pa.array(cells[field.name]).cast(field.type) for field in schema], schema=schema)


def publish(
    root: Path | str, partitions: Iterable[str], run_id: str, *, replace: bool = False, rows: int = 10
) -> list[LakeFile]:
    """Publish one file of features in each window."""
    done = []
    for partition in partitions:
        data = parquet_bytes(feature_rows(partition, rows), FEED)
        file = stage_file(str(root), FileContent(FEED, partition, "parquet", rows, data), run_id)
        publish_files(str(root), [file], run_id, replace=replace)
        done.append(file)
    return done


def named(root: Path | str, partitions: Iterable[str]) -> list[str]:
    """Return the names of the files that the newest manifests name."""
    return sorted(path.rpartition("/")[2] for path in newest_files(str(root), FEED, partitions))


def held(table) -> list[str]:
    """Return the names of the files that a table holds, each as often as it holds it."""
    table.refresh()
    return sorted(task.file.file_path.rpartition("/")[2] for task in table.scan().plan_files())
