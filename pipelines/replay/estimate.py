"""Estimate the input of a replay: messages, bytes of the archive, bytes of BigQuery."""

from pathlib import Path
from typing import NamedTuple

from google.cloud import bigquery

from pipelines.errors import UserError
from pipelines.replay.archive_source import plan_archive
from pipelines.replay.event_store_source import count_store
from pipelines.replay.merge_statements import ORDER_TABLES
from pipelines.replay.time_range import Range
from pipelines.stores.target import Endpoints, Target
from transforms.archive.integrity import Damage
from transforms.sources.file_ranges import FileRange
from transforms.sources.filter_messages import MessageFilter


class Estimate(NamedTuple):
    """Files to read (none for the event store) and the most that a replay reads; the range may cut its first and last hour.

    `damaged` files and hours of the archive are left out.
    """

    ranges: list[FileRange]
    messages: int
    archive_bytes: int
    bigquery_bytes: int
    damaged: list[Damage]

    def __str__(self) -> str:
        files = f"{self.archive_bytes:,} bytes of archive in {len(self.ranges):,} files, " if self.ranges else ""
        left_out = f"; {len(self.damaged):,} damaged files or hours are left out" if self.damaged else ""
        return f"up to {self.messages:,} messages, {files}{self.bigquery_bytes:,} bytes of BigQuery{left_out}"


def estimate(
    endpoints: Endpoints,
    target: Target,
    source: str,
    choice: MessageFilter,
    *,
    shadow: bool,
    skip_damaged: bool = False,
) -> Estimate:
    """Return the estimate, from the archive's files and manifests, a count, and BigQuery's dry runs.

    Raises:
        RunFailed: a file or manifest of the archive is damaged or missing, and `skip_damaged` is not given.
    """
    if source == "archive":
        if target.directory is not None and not Path(target.lake).is_dir():
            raise UserError(f"--output {target.directory}: there is no lake in it")
        plan = plan_archive(
            target.lake, Range(choice.start, choice.end, choice.by), choice.topics, skip_damaged=skip_damaged
        )
        ranges, messages, archive_bytes, scanned = plan.ranges, plan.messages, plan.bytes, 0
        damaged = plan.damaged
    else:
        ranges, archive_bytes, damaged = [], 0, []
        messages, scanned = count_store(endpoints.bigquery, target, choice)
    if messages and not shadow:
        scanned += compared_bytes(endpoints.bigquery, target)
    return Estimate(ranges, messages, archive_bytes, scanned, damaged)


def compared_bytes(client: bigquery.Client, target: Target) -> int:
    """Return the bytes of the live tables that a replay compares its staging with, whatever the range.

    The bytes of the staging are not known before it is filled.
    """
    events, dead_letters = (target.table("event_store", name) for name in ("events", "dead_letters"))
    queries = [
        f"SELECT event_id FROM `{events}`",  # fresh, and again in the hours' and orders' statements
        f"SELECT event_id, publish_time, message_id FROM `{events}`",
        f"SELECT event_id, event_time FROM `{events}`",
        f"SELECT dead_letter_id FROM `{dead_letters}`",
        *(f"SELECT event_id, order_id FROM `{target.table('analytics', name)}`" for name in ORDER_TABLES),
    ]
    dry = bigquery.QueryJobConfig(dry_run=True, use_query_cache=False)
    return sum(int(client.query(sql, job_config=dry).total_bytes_processed or 0) for sql in queries)
