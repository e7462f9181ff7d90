"""The counters of the BigQuery sinks; their names are closed lists."""

from apache_beam.metrics import Metrics

from schemas.outcomes import Code
from schemas.tables.definitions import TABLES
from transforms.sinks.publish_gate import ROWS_MADE, ROWS_REJECTED

RETRIES = Metrics.counter("pipeline", "sink_retries")
LOST_ROWS = {
    Code.SINK_REJECTED: Metrics.counter("pipeline", "sink_rejected"),
    Code.SINK_EXHAUSTED: Metrics.counter("pipeline", "sink_exhausted"),
}
NOT_APPENDED = ("replays", "redrives", "runs", "settings")
"""Tables that commands write with statements, not through a sink."""
APPENDED_TABLES = tuple(name for name in TABLES if name not in NOT_APPENDED)
ROW_COUNTERS = tuple(prefix + table for prefix in (ROWS_MADE, ROWS_REJECTED) for table in APPENDED_TABLES)


def count_made(table: str, rows: int) -> None:
    """Count rows that are to be appended to a table."""
    Metrics.counter("pipeline", ROWS_MADE + table).inc(rows)


def count_rejected(table: str, code: str, rows: int) -> None:
    """Count rows that a table did not take; `code` is SINK_REJECTED or SINK_EXHAUSTED."""
    LOST_ROWS[Code(code)].inc(rows)
    Metrics.counter("pipeline", ROWS_REJECTED + table).inc(rows)
