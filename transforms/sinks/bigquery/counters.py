"""The counters of the BigQuery sink; their names are a closed list."""

from apache_beam.metrics import Metrics

from schemas.outcomes import Code

RETRIES = Metrics.counter("pipeline", "sink_retries")
LOST_ROWS = {
    Code.SINK_REJECTED: Metrics.counter("pipeline", "sink_rejected"),
    Code.SINK_EXHAUSTED: Metrics.counter("pipeline", "sink_exhausted"),
}
