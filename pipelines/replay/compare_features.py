"""Feature files of two lakes, compared by window, device and metric: what the newest generations of manifests name."""

import io
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from transforms.sinks.files.files import literal
from transforms.sinks.files.manifests import newest_files
from transforms.windows.features import FEATURES, FEED

KEY = ("window_start", "device_id", "metric")


def partitions(lake: str) -> list[str]:
    """Return the hours that the feature feed of a lake has."""
    pattern = FileSystems.join(literal(lake), FEED, "dt=*", "hour=*", "_manifest-*.json")
    return sorted({"/".join(found.path.split("/")[-3:-1]) for found in FileSystems.match([pattern])[0].metadata_list})


def read_features(lake: str, hours: list[str]) -> pa.Table:
    """Return the features that stand, ordered by their key."""

    def tables() -> Iterator[pa.Table]:
        for path in newest_files(lake, FEED, hours):
            with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as file:
                yield pq.read_table(io.BytesIO(file.read()))

    return pa.concat_tables([FEATURES.empty_table(), *tables()]).sort_by([(name, "ascending") for name in KEY])


def compare_features(live: str, other: str, limit: int) -> int:
    """Print windows whose features differ; return how many."""
    ours, theirs = partitions(live), partitions(other)
    rows = found = 0
    for hour in sorted({*ours, *theirs}):
        a, b = read_features(live, [hour]), read_features(other, [hour])
        rows += a.num_rows
        if a.equals(b):
            continue
        left, right = ({tuple(row[name] for name in KEY): row for row in table.to_pylist()} for table in (a, b))
        for key in sorted({*left, *right}):
            if left.get(key) != right.get(key):
                found += 1
                if found <= limit:
                    window, device, metric = key
                    print(f"{FEED} window_start={window.isoformat()} device_id={device} metric={metric}: differs")
    print(f"{FEED}: {rows:,} rows, {found:,} differ")
    return found
