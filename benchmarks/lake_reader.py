"""What readers of the lake see while rebuilds publish: `python -m benchmarks.lake_reader`; figures in docs/lake.md.

One process publishes the features of 24 hours again and again, as a rebuild does. Two others count rows all the time: one
with a plain pattern, one by the newest manifests.
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

from transforms.sinks.files.files import FileContent, LakeFile, stage_file
from transforms.sinks.files.manifests import newest_files
from transforms.sinks.files.parquet import parquet_bytes
from transforms.sinks.files.publish import publish_files

FEED, HOURS, ROWS = "ml/iot_features", 24, 1000
PARTITIONS = [f"dt=2026-06-15/hour={hour:02d}" for hour in range(HOURS)]


def count_plain(root: str) -> int:
    """Count the rows of the folder."""
    return int(ds.dataset(f"{root}/{FEED}", format="parquet", partitioning="hive").count_rows())


def count_manifests(root: str) -> int:
    """Count the rows of the files that the newest manifests name."""
    return sum(pq.ParquetFile(path).metadata.num_rows for path in newest_files(root, FEED, PARTITIONS))


def read_all_the_time(root: str, count: Callable[[str], int], stop: Event, results: Any) -> None:
    """Count until the end; put how many reads were right, wrong and failed."""
    seen: Counter[str] = Counter()
    while not stop.is_set():
        try:
            seen["right" if count(root) == HOURS * ROWS else "wrong"] += 1
        except OSError:
            seen["failed"] += 1
    results.put(seen)


def stage(root: str, run_id: str, data: bytes) -> list[LakeFile]:
    """Write a file per hour under hidden names."""
    return [stage_file(root, FileContent(FEED, hour, "parquet", ROWS, data), run_id) for hour in PARTITIONS]


def main() -> None:
    """Measure, and print a row per reader."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rebuilds", type=int, default=5, help="how often the 24 hours are published again")
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between two rebuilds")
    args = parser.parse_args()
    data = parquet_bytes(pa.table({"value": list(range(ROWS))}), FEED)
    for name, count in (("plain pattern", count_plain), ("manifests", count_manifests)):
        with tempfile.TemporaryDirectory(prefix="lake-reader-") as root:
            for file in stage(root, "r0", data):
                publish_files(root, [file], "r0", replace=True)
            stop, results = multiprocessing.Event(), multiprocessing.Queue()
            reader = multiprocessing.Process(target=read_all_the_time, args=(root, count, stop, results))
            reader.start()
            busy = 0.0
            for number in range(1, args.rebuilds + 1):
                staged = stage(root, f"r{number}", data)
                time.sleep(args.pause)
                began = time.monotonic()
                for file in staged:
                    publish_files(root, [file], f"r{number}", replace=True)
                busy += time.monotonic() - began
            stop.set()
            seen = results.get()
            reader.join()
            kept = len(list(Path(root).glob(f"{FEED}/*/*/*.parquet")))
        share = 100 * seen["right"] / sum(seen.values())
        print(
            f"{name}: {dict(seen)}, right {share:.1f} %; publishing took {busy / args.rebuilds:.2f} s each; {kept} files"
        )


if __name__ == "__main__":
    main()
