"""Queries of the report in GoogleSQL, and their typed results.

Tables with a run_id are filtered by the reported run; views (revenue, sagas) cover the whole store. No query reads a
payload.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from pipelines.report.stores import Stores, TimeSpan, percentiles, time_of

_MOST_REASONS = 50


class Received(NamedTuple):
    """Messages of a topic that were published in a bucket."""

    topic: str
    at: datetime
    received: int


class Lag(NamedTuple):
    """Percentiles of a topic's lag in a bucket, in milliseconds."""

    topic: str
    at: datetime
    p50: float
    p95: float
    p99: float
    events: int


class Reason(NamedTuple):
    """Dead letters of one code and path, on all topics; the path has no positions in lists."""

    code: str
    stage: str
    path: str
    topics: str
    dead_letters: int


class Revenue(NamedTuple):
    """The revenue of a day in a currency."""

    day: date
    currency: str
    amount: Decimal | None
    payments: int


class Reading(NamedTuple):
    """A device's metric in a bucket of event time."""

    device_id: str
    metric: str
    unit: str
    at: datetime
    mean: float
    low: float
    high: float
    readings: int


def received(stores: Stores, span: TimeSpan) -> list[Received]:
    """Return the messages of each topic in buckets of publish time, in order."""
    found = stores.rows(
        f"""SELECT topic, {_bucket("window_start")} AS bucket, SUM(received) AS received
        FROM {stores.analytics}.pipeline_metrics WHERE {stores.of_run} AND {_within("window_start")}
        GROUP BY topic, bucket ORDER BY bucket, topic""",
        span.parameters,
    )
    return [Received(row.topic, time_of(row.bucket), int(row.received)) for row in found]


def is_stream(stores: Stores) -> bool:
    """Return whether every lag was measured by a streaming run (processing time - eventTime)."""
    modes = stores.rows(f"SELECT DISTINCT mode FROM {stores.analytics}.pipeline_metrics WHERE {stores.of_run}")
    return {row.mode for row in modes} == {"stream"}


def lags(stores: Stores, span: TimeSpan | None, stream: bool) -> list[Lag]:
    """Return each topic's lag in buckets of publish time, in order; without a span: over the whole time.

    For a streaming run, each percentile is that of the worst window: percentiles cannot be merged. For a batch run it
    is publishTime - eventTime of the events, in whole milliseconds.
    """
    column = "window_start" if stream else "publish_time"
    bucket, within = (_bucket(column), _within(column)) if span else ("0", "TRUE")
    measured = f"""SELECT topic, {bucket} AS bucket, SUM(valid) AS total,
          MAX(lag_p50_ms) AS p50, MAX(lag_p95_ms) AS p95, MAX(lag_p99_ms) AS p99
        FROM {stores.analytics}.pipeline_metrics
        WHERE {stores.of_run} AND {within} AND lag_p50_ms IS NOT NULL
        GROUP BY topic, bucket ORDER BY bucket, topic"""
    source = f"""(SELECT topic, {bucket} AS bucket,
          DIV(TIMESTAMP_DIFF(publish_time, event_time, MICROSECOND), 1000) AS lag_ms
        FROM {stores.event_store}.events WHERE {stores.of_run} AND {within})"""
    computed = f"{percentiles(source, 'topic, bucket', 'lag_ms')} ORDER BY bucket, topic"
    found = stores.rows(measured if stream else computed, span.parameters if span else None)
    return [Lag(row.topic, time_of(row.bucket), row.p50, row.p95, row.p99, int(row.total)) for row in found]


def reasons(stores: Stores) -> list[Reason]:
    """Return the reasons of dead letters, the most frequent first."""
    found = stores.rows(
        rf"""SELECT error_code, stage, REGEXP_REPLACE(IFNULL(path, ''), r'\[\d+\]', '[]') AS place,
          STRING_AGG(DISTINCT topic, ', ' ORDER BY topic) AS topics, COUNT(*) AS dead_letters
        FROM {stores.event_store}.dead_letters WHERE {stores.of_run}
        GROUP BY error_code, stage, place ORDER BY dead_letters DESC, error_code, place LIMIT {_MOST_REASONS}"""
    )
    return [Reason(row.error_code, row.stage, row.place, row.topics, row.dead_letters) for row in found]


def revenue(stores: Stores) -> list[Revenue]:
    """Return the revenue of every day and currency in the store, in order."""
    found = stores.rows(
        f"SELECT day, currency, amount, payments FROM {stores.analytics}.revenue_by_day ORDER BY day, currency"
    )
    return [Revenue(row.day, row.currency, row.amount, row.payments) for row in found]


def readings(stores: Stores, span: TimeSpan, curves: int) -> list[Reading]:
    """Return the curves of the busiest pairs of device and metric, each in order, the busiest first."""
    table = f"{stores.analytics}.iot_telemetry"
    found = stores.rows(
        f"""WITH busiest AS (
          SELECT device_id, metric, MAX(unit) AS unit, COUNT(*) AS total FROM {table} WHERE {stores.of_run}
          GROUP BY device_id, metric ORDER BY total DESC, device_id, metric LIMIT {curves}
        ), curves AS (
          SELECT device_id, metric, {_bucket("event_time")} AS bucket, AVG(value) AS mean, MIN(value) AS low,
            MAX(value) AS high, COUNT(*) AS readings
          FROM {table} WHERE {stores.of_run} AND {_within("event_time")}
          GROUP BY device_id, metric, bucket
        )
        SELECT device_id, metric, busiest.unit, bucket, mean, low, high, readings
        FROM curves JOIN busiest USING (device_id, metric)
        ORDER BY total DESC, device_id, metric, bucket""",
        span.parameters,
    )
    return [
        Reading(r.device_id, r.metric, r.unit or "", time_of(r.bucket), r.mean, r.low, r.high, r.readings)
        for r in found
    ]


def _bucket(column: str) -> str:
    """Return the SQL of the bucket of a time, in microseconds since 1970."""
    return f"DIV(UNIX_MICROS({column}), @width) * @width"


def _within(column: str) -> str:
    return f"{column} >= @first AND {column} < @until"
