"""Rows whose partition is out of reach of streaming go through a PENDING stream of their own.

Events from 2000-01-01 on are valid, but BigQuery takes rows of a partition more than 1,825 days back or 366 days ahead
only from load jobs, DML and (tested against the emulator only) PENDING streams, not from the default stream
(https://cloud.google.com/bigquery/docs/streaming-data-into-bigquery#time-unit_column_partitioning;
https://github.com/mozilla/gcp-ingestion/pull/2721 quotes the error). The table itself says which rows these are, so
nothing here depends on the numbers.
"""

from collections.abc import Callable, Sequence

from google.cloud.bigquery_storage_v1 import BigQueryWriteClient

from schemas.outcomes import Code
from transforms.sinks.bigquery.append_errors import OUTSIDE_STREAMING
from transforms.sinks.bigquery.appender import TableAppender
from transforms.sinks.bigquery.appends import AppendLimits, RejectedRows
from transforms.sinks.bigquery.backoff import RetryBudget
from transforms.sinks.bigquery.write_streams import AppendFailed, PendingStreams, commit_streams


def is_outside(append: RejectedRows) -> bool:
    """Return whether a table rejected rows only because their partition cannot be streamed into."""
    return append.reason.endswith(OUTSIDE_STREAMING)


def append_pending(
    client: BigQueryWriteClient,
    table: str,
    trace_id: str,
    budget: RetryBudget,
    limits: AppendLimits,
    rejected: Sequence[RejectedRows],
    report: Callable[[AppendFailed], None],
) -> tuple[int, list[RejectedRows]]:
    """Append rejected rows through PENDING streams and commit these; return the rows written and those rejected.

    Args:
        client: the client of the worker.
        table: resource name of the table.
        trace_id: name of this project in BigQuery's logs.
        budget: how long failed requests are retried.
        limits: sizes of requests and streams.
        rejected: the rows.
        report: is called for every failure that rejects a whole request.
    """
    appender = TableAppender(PendingStreams(client, table, trace_id, budget), budget, limits, report)
    for append in rejected:
        appender.append(append.rows, append.mark)
    appender.drain()
    if not appender.sealed:
        return 0, appender.rejected
    try:
        commit_streams(client, table, sorted(name for name, _ in appender.sealed), budget)
    except AppendFailed as failed_append:
        report(failed_append)
        code = Code.SINK_EXHAUSTED if failed_append.exhausted else Code.SINK_REJECTED
        reason = failed_append.failure.reason
        return 0, [
            RejectedRows(append.rows, code, reason, append.column, append.attempts + 1, append.mark)
            for append in rejected
        ]
    return appender.written, appender.rejected
