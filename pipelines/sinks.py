"""The BigQuery sink of a run, by `--bigquery_method`."""

from typing import Any

import apache_beam as beam

from pipelines.config import JobConfig
from schemas.tables.definitions import DATASET_OF
from transforms.sinks.bigquery.beam_bigquery import InsertRows, LoadFiles
from transforms.sinks.bigquery.bigquery import AppendRows
from transforms.sinks.bigquery.bigquery_tables import BigQueryTables
from transforms.sinks.results import AppendResult


def tables_of(job: JobConfig) -> BigQueryTables:
    """Return the names of the run's tables."""
    return BigQueryTables(job.project, DATASET_OF, job.event_store, job.analytics)


def append_rows(job: JobConfig, gate: beam.PCollection[Any] | None) -> beam.PTransform[Any, AppendResult]:
    """Return the sink of a batch run.

    STORAGE_WRITE commits once `gate` is complete. With Beam's own two methods rows are visible before the run has ended, so
    a failed run may leave some of its rows.
    """
    tables = tables_of(job)
    if job.bigquery_method == "STREAMING_INSERTS":
        return InsertRows(tables=tables, retry_budget_seconds=job.sink_retry_budget_seconds, run=job.run)
    if job.bigquery_method == "FILE_LOADS":
        return LoadFiles(tables=tables, temp=job.temp)
    return AppendRows(
        tables=tables,
        mode="pending",
        retry_budget_seconds=job.sink_retry_budget_seconds,
        endpoint=job.write_endpoint,
        gate=gate,
        publish=job.publish,
        run=job.run,
    )


def append_rows_streaming(job: JobConfig) -> beam.PTransform[Any, AppendResult]:
    """Return the sink of a streaming run: rows are visible at once, at least once."""
    if job.bigquery_method == "STREAMING_INSERTS":
        return InsertRows(tables=tables_of(job), retry_budget_seconds=job.sink_retry_budget_seconds, run=job.run)
    return AppendRows(
        tables=tables_of(job),
        mode="default",
        retry_budget_seconds=job.sink_retry_budget_seconds,
        endpoint=job.write_endpoint,
        run=job.run,
    )
