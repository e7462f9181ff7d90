"""Which BigQuery sink a run takes: `--bigquery_method`."""

from typing import Any

import apache_beam as beam

from pipelines.config import JobConfig
from schemas.tables import DATASET_OF
from transforms.sinks.bigquery import AppendRows
from transforms.sinks.bigquery_tables import BigQueryTables


def tables_of(job: JobConfig) -> BigQueryTables:
    """Return where the run's tables stand."""
    return BigQueryTables(job.project, DATASET_OF, job.event_store, job.analytics)


def append_rows(job: JobConfig, gate: beam.PCollection[Any]) -> Any:
    """Return the sink of a bounded run; it commits once `gate` is complete."""
    return AppendRows(
        tables_of(job),
        mode="pending",
        retry_budget_seconds=job.sink_retry_budget_seconds,
        endpoint=job.write_endpoint,
        gate=gate,
    )
