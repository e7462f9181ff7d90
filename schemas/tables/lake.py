"""The Parquet feeds of the lake: folder, columns, description. Readers see them as tables of the dataset `lake`."""

from dataclasses import dataclass

import pyarrow as pa

from schemas.registry import REGISTRY
from schemas.tables.column import Column
from schemas.tables.definitions import typed_table

LAKE = "lake"
"""The dataset of the feeds."""
PARTITIONS = (
    Column("dt", "DATE", "day, UTC, of the folder"),
    Column("hour", "STRING", "hour, UTC, of the folder: 00 to 23"),
)
"""The columns that come from a file's folder, as in `dt=2026-06-15/hour=12`."""


@dataclass(frozen=True)
class LakeFeed:
    """One feed of Parquet files. `folder` is under the root of the lake; `time` is the column that partitions go by."""

    name: str
    folder: str
    description: str
    time: str
    columns: tuple[Column, ...]

    def arrow_schema(self) -> pa.Schema:
        """Return the schema of the feed's files."""
        return pa.schema([column.arrow_field() for column in self.columns])


def _number(name: str, description: str) -> Column:
    return Column(name, "FLOAT64", description)


_TELEMETRY = ("event_id", "event_time", "publish_time", "device_id", "metric", "value", "unit")

IOT_TELEMETRY = LakeFeed(
    "iot_telemetry",
    "ml/iot_telemetry",
    "Every measurement, by hour of its event time.",
    "event_time",
    tuple(
        column
        for name in _TELEMETRY
        for column in typed_table("iot_telemetry", REGISTRY).columns
        if column.name == name
    ),
)
IOT_FEATURES = LakeFeed(
    "iot_features",
    "ml/iot_features",
    "Features per window, device and metric, by hour of the window.",
    "window_start",
    (
        Column("window_start", "TIMESTAMP", "first instant of the window (event time)"),
        Column("window_end", "TIMESTAMP", "first instant after the window"),
        Column("device_id", "STRING", "the device"),
        Column("metric", "STRING", "what was measured"),
        Column("count", "INT64", "measurements in the window"),
        _number("min", "smallest value"),
        _number("max", "largest value"),
        _number("mean", "mean of the values; NULL if it is not finite"),
        _number("stddev", "standard deviation of the population, 0 for one value; NULL if it is not finite"),
        _number("first", "value with the earliest event time, then event id"),
        _number("last", "value with the latest event time, then event id"),
    ),
)
LAKE_FEEDS = (IOT_TELEMETRY, IOT_FEATURES)
