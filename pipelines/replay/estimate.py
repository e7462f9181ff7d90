"""What a replay is going to read, before it starts: messages, bytes of the archive, bytes of BigQuery."""

from pathlib import Path
from typing import NamedTuple

from google.cloud import bigquery

from pipelines.errors import UserError
from pipelines.replay.archive_source import plan_archive
from pipelines.replay.event_store_source import count_store
from pipelines.replay.merge_statements import ORDER_TABLES
from pipelines.replay.time_range import Range
from pipelines.stores.target import Endpoints, Target
from transforms.sources.file_ranges import FileRange
from transforms.sources.filter_messages import MessageFilter


class Estimate(NamedTuple):
    """Files to read (none from the store) and what a replay reads at most: the range may cut its first and last hour."""

    ranges: list[FileRange]
    messages: int
    archive_bytes: int
    bigquery_bytes: int

    def __str__(self) -> str:
        files = f"{self.archive_bytes:,} bytes of archive in {len(self.ranges):,} files, " if self.ranges else ""
        return f"up to {self.messages:,} messages, {files}{self.bigquery_bytes:,} bytes of BigQuery"


def estimate(endpoints: Endpoints, target: Target, source: str, choice: MessageFilter, *, shadow: bool) -> Estimate:
    """Return the estimate; nothing is read but manifests, a count, and BigQuery's own dry runs."""
    if source == "archive":
        if target.directory is not None and not Path(target.lake).is_dir():
            raise UserError(f"--output {target.directory}: there is no lake in it")
        plan = plan_archive(target.lake, Range(choice.start, choice.end, choice.by), choice.topics)
        ranges, messages, archive_bytes, scanned = plan.ranges, plan.messages, plan.bytes, 0
    else:
        ranges, archive_bytes = [], 0
        messages, scanned = count_store(endpoints.bigquery, target, choice)
    if messages and not shadow:
        scanned += compared_bytes(endpoints.bigquery, target)
    return Estimate(ranges, messages, archive_bytes, scanned)


def compared_bytes(client: bigquery.Client, target: Target) -> int:
    """Return what the end of a replay reads of the live tables to find what they lack (sql.py), whatever the range.

    What it reads of its own staging depends on what will be in it.
    """
    events, letters = (target.table("event_store", name) for name in ("events", "dead_letters"))
    queries = [
        f"SELECT event_id FROM `{events}`",  # fresh, and again in the hours' and orders' statements
        f"SELECT event_id, publish_time, message_id FROM `{events}`",
        f"SELECT event_id, event_time FROM `{events}`",
        f"SELECT dead_letter_id FROM `{letters}`",
        *(f"SELECT event_id, order_id FROM `{target.table('analytics', name)}`" for name in ORDER_TABLES),
    ]
    dry = bigquery.QueryJobConfig(dry_run=True, use_query_cache=False)
    return sum(int(client.query(sql, job_config=dry).total_bytes_processed or 0) for sql in queries)
