"""What readers of the lake see while rebuilds publish: `python -m benchmarks.lake_reader`; figures in docs/lake.md.

One process publishes the features of 24 hours again and again, as a rebuild does, and commits them to an Iceberg table.
Another counts rows all the time: with a plain pattern, by the newest manifests, or by the table's newest snapshot.
"""

import argparse
import multiprocessing
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from schemas.tables.lake import IOT_FEATURES
from schemas.timestamps import parse_rfc3339
from transforms.sinks.files.files import FileContent, LakeFile, stage_file
from transforms.sinks.files.manifests import newest_files
from transforms.sinks.files.parquet import parquet_bytes
from transforms.sinks.files.partitions import HOUR_US, hour_partition
from transforms.sinks.files.publish import publish_files
from transforms.sinks.iceberg.catalog import CatalogSettings, load_table, open_catalog
from transforms.sinks.iceberg.commit import commit_windows

FEED, HOURS, ROWS = IOT_FEATURES.folder, 24, 1000
START = parse_rfc3339("2026-06-15T00:00:00Z")[0]
PARTITIONS = [hour_partition(START + hour * HOUR_US) for hour in range(HOURS)]


def open_table(root: str) -> Any:
    """Return the Iceberg table of the lake; it is created when it is absent."""
    folder = Path(root) / "iceberg"
    folder.mkdir(exist_ok=True)
    return load_table(
        open_catalog(CatalogSettings(f"sqlite:///{folder / 'catalog.db'}", folder.as_uri())), IOT_FEATURES
    )


def count_plain(root: str) -> int:
    """Count the rows of the folder."""
    return int(ds.dataset(f"{root}/{FEED}", format="parquet", partitioning="hive").count_rows())


def count_manifests(root: str) -> int:
    """Count the rows of the files that the newest manifests name."""
    return sum(pq.ParquetFile(path).metadata.num_rows for path in newest_files(root, FEED, PARTITIONS))


def count_iceberg(root: str) -> int:
    """Count the rows of the files of the table's newest snapshot."""
    paths = (task.file.file_path.removeprefix("file://") for task in open_table(root).scan().plan_files())
    return sum(pq.ParquetFile(path).metadata.num_rows for path in paths)


READERS = (("plain pattern", count_plain), ("manifests", count_manifests), ("iceberg", count_iceberg))


def read_all_the_time(root: str, count: Callable[[str], int], stop: Event, results: Any) -> None:
    """Count until the end; put how many reads were right, wrong and failed."""
    seen: Counter[str] = Counter()
    while not stop.is_set():
        try:
            seen["right" if count(root) == HOURS * ROWS else "wrong"] += 1
        except OSError:
            seen["failed"] += 1
    results.put(seen)


def rows_of(hour: int) -> pa.Table:
    """Return the features of one hour."""
    start = START + hour * HOUR_US
    cells: dict[str, list[Any]] = {
        "window_start": [start] * ROWS,
        "window_end": [start + HOUR_US] * ROWS,
        "device_id": [f"D-{row}" for row in range(ROWS)],
        "metric": ["t"] * ROWS,
        "count": [1] * ROWS,
    }
    schema = IOT_FEATURES.arrow_schema()
    return pa.table([pa.array(cells.get(f.name, [float(hour)] * ROWS)).cast(f.type) for f in schema], schema=schema)


def stage(root: str, run_id: str, data: list[bytes]) -> list[LakeFile]:
    """Write a file per hour under hidden names."""
    contents = zip(PARTITIONS, data, strict=True)
    return [stage_file(root, FileContent(FEED, hour, "parquet", ROWS, rows), run_id) for hour, rows in contents]


def publish(root: str, files: list[LakeFile], run_id: str, table: Any | None) -> None:
    """Publish one rebuild; with a table commit it."""
    for file in files:
        publish_files(root, [file], run_id, replace=True)
    if table is not None:
        commit_windows(table, IOT_FEATURES, root, PARTITIONS, run_id, commit_id=run_id)


def measure(name: str, count: Callable[[str], int], data: list[bytes], rebuilds: int, pause: float) -> None:
    """Measure one reader, and print a row."""
    with tempfile.TemporaryDirectory(prefix="lake-reader-") as root:
        table = open_table(root) if name == "iceberg" else None
        publish(root, stage(root, "r0", data), "r0", table)
        stop, results = multiprocessing.Event(), multiprocessing.Queue()
        reader = multiprocessing.Process(target=read_all_the_time, args=(root, count, stop, results))
        reader.start()
        busy = 0.0
        for number in range(1, rebuilds + 1):
            staged = stage(root, f"r{number}", data)
            time.sleep(pause)
            began = time.monotonic()
            publish(root, staged, f"r{number}", table)
            busy += time.monotonic() - began
        stop.set()
        seen = results.get()
        reader.join()
    share = 100 * seen["right"] / sum(seen.values())
    print(f"{name}: {dict(seen)}, right {share:.1f} %; publishing took {busy / rebuilds:.2f} s each", flush=True)


def main() -> None:
    """Measure each reader."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rebuilds", type=int, default=5, help="how often the 24 hours are published again")
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between two rebuilds")
    args = parser.parse_args()
    data = [parquet_bytes(rows_of(hour), FEED) for hour in range(HOURS)]
    for name, count in READERS:
        measure(name, count, data, args.rebuilds, args.pause)


if __name__ == "__main__":
    main()
