"""Compare the feature files of two lakes by window, device and metric, as their newest manifests name them."""

import io
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from pipelines.replay.compare.tables import Difference, TableComparison
from transforms.sinks.files.files import literal
from transforms.sinks.files.manifests import newest_files
from transforms.windows.features import FEATURES, FEED

KEY = ("window_start", "device_id", "metric")


def partitions(lake: str) -> list[str]:
    """Return the hours for which a lake has features, as `dt=…/hour=…`."""
    pattern = FileSystems.join(literal(lake), FEED, "dt=*", "hour=*", "_manifest-*.json")
    return sorted({"/".join(found.path.split("/")[-3:-1]) for found in FileSystems.match([pattern])[0].metadata_list})


def read_features(lake: str, hours: list[str]) -> pa.Table:
    """Return the current features of these hours, ordered by their key."""

    def tables() -> Iterator[pa.Table]:
        for path in newest_files(lake, FEED, hours):
            with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as file:
                yield pq.read_table(io.BytesIO(file.read()))

    return pa.concat_tables([FEATURES.empty_table(), *tables()]).sort_by([(name, "ascending") for name in KEY])


def compare_features(live: str, other: str, limit: int) -> TableComparison:
    """Compare two lakes; the result holds at most `limit` differences, and how many there are."""
    live_hours, other_hours = partitions(live), partitions(other)
    rows = count = partial = 0
    found: list[Difference] = []
    for hour in sorted({*live_hours, *other_hours}):
        a, b = read_features(live, [hour]), read_features(other, [hour])
        rows += a.num_rows
        if a.equals(b):
            continue
        several = _written_twice(a)
        left, right = ({tuple(row[name] for name in KEY): row for row in table.to_pylist()} for table in (a, b))
        for key in sorted({*left, *right}):
            if left.get(key) != right.get(key):
                if key in several:
                    partial += 1
                    continue
                count += 1
                if count <= limit:
                    found.append(Difference.of(dict(zip(KEY, key, strict=True)), left.get(key), right.get(key)))
    return TableComparison(FEED, rows, count, found, partial)


def _written_twice(table: pa.Table) -> set[tuple[Any, ...]]:
    """Return the keys of which several runs wrote a row, each from the measurements that it read."""
    counted = table.group_by(list(KEY)).aggregate([([], "count_all")])
    return {
        tuple(row[name] for name in KEY)
        for row in counted.filter(pc.greater(counted["count_all"], 1)).select(list(KEY)).to_pylist()
    }
