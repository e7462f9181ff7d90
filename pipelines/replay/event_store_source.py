"""The event store as a source of a replay: its queries, and their estimated size."""

from google.cloud import bigquery

from pipelines.replay.time_range import hours
from pipelines.stores.sql_text import string_literal
from pipelines.stores.target import Target
from schemas.timestamps import from_datetime, to_rfc3339
from transforms.sources.filter_messages import MessageFilter
from transforms.sources.read_event_store import SELECT

QUERIES = 64
"""Maximum number of time slices of a range; each is a query that one worker reads."""


def store_queries(target: Target, choice: MessageFilter) -> list[str]:
    """Return the queries that together give the events of a choice, each once."""
    edges = [from_datetime(hour) for hour in hours(choice.start, choice.end)]
    step = max(1, -(-len(edges) // QUERIES))
    starts = [max(choice.start, edge) for edge in edges[::step]]
    ends = [*starts[1:], choice.end]
    return [f"SELECT {SELECT} FROM {_from(target, choice, *pair)}" for pair in zip(starts, ends, strict=True)]


def count_store(client: bigquery.Client, target: Target, choice: MessageFilter) -> tuple[int, int]:
    """Return the number of rows of a filter, and the bytes that BigQuery will read for them."""
    source = _from(target, choice, choice.start, choice.end)
    if not (rows := _count(client, source)):
        return 0, 0
    dry = client.query(
        f"SELECT {SELECT} FROM {source}", job_config=bigquery.QueryJobConfig(dry_run=True, use_query_cache=False)
    )
    return rows, int(dry.total_bytes_processed or 0)


def _count(client: bigquery.Client, source: str) -> int:
    [row] = client.query(f"SELECT COUNT(*) AS n FROM {source}").result()
    return int(row.n)


def filter_condition(choice: MessageFilter) -> str:
    """Return the condition of a filter on the event store's events."""
    return _condition(choice, choice.start, choice.end)


def _from(target: Target, choice: MessageFilter, start: int, end: int) -> str:
    return f"`{target.table('event_store', 'events')}` WHERE {_condition(choice, start, end)}"


def _condition(choice: MessageFilter, start: int, end: int) -> str:
    parts = [f"{choice.by} >= TIMESTAMP '{to_rfc3339(start)}'", f"{choice.by} < TIMESTAMP '{to_rfc3339(end)}'"]
    for column, values in (("topic", choice.topics), ("event_type", choice.event_types)):
        if values:
            parts.append(f"{column} IN ({', '.join(map(string_literal, values))})")
    for column, value in (("entity_id", choice.entity), ("correlation_id", choice.correlation_id)):
        if value is not None:
            parts.append(f"{column} = {string_literal(value)}")
    return " AND ".join(parts)
