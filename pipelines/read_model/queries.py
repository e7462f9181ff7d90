"""The rows of the event store that a read model takes: each event once, by the rule of the views."""

from collections.abc import Iterable

from google.cloud import bigquery

from pipelines.stores.sql_text import string_literal
from pipelines.stores.target import Target
from schemas.read_model.tables import SAGAS, SOURCES
from schemas.tables.definitions import TABLES

IDS_PER_QUERY = 2000


def typed_queries(target: Target, condition: str) -> list[tuple[str, str]]:
    """Return (table, query) for the events of the store that a condition selects.

    Args:
        target: the store.
        condition: on `stored`, a row of `events_distinct`.
    """
    return [(table, _typed(target, table, condition)) for table in SOURCES]


def sliced_queries(client: bigquery.Client, target: Target) -> list[tuple[str, str]]:
    """Return (table, query) for all events: one query per typed table and month of event time, which workers share."""
    queries = []
    for table in SOURCES:
        months = client.query(
            f"SELECT DISTINCT FORMAT_TIMESTAMP('%Y-%m-01', event_time) AS month, EXTRACT(YEAR FROM event_time) AS year,"
            f" EXTRACT(MONTH FROM event_time) AS number FROM `{target.table('analytics', table)}` ORDER BY month"
        ).result()
        for row in months:
            year, number = (row.year, row.number + 1) if row.number < 12 else (row.year + 1, 1)
            end = f" AND typed.event_time < TIMESTAMP '{year:04}-{number:02}-01 00:00:00+00'" if year < 10_000 else ""
            condition = f"typed.event_time >= TIMESTAMP '{row.month} 00:00:00+00'{end}"
            queries.append((table, _typed(target, table, condition)))
    return queries


def saga_query(target: Target, condition: str = "TRUE") -> tuple[str, str]:
    """Return (table, query) of the newest rows of sagas."""
    names = ", ".join(column.name for column in SAGAS.columns)
    return SAGAS.name, f"SELECT {names} FROM `{target.table('analytics', 'order_saga_current')}` WHERE {condition}"


def of_runs(runs: Iterable[str], target: Target) -> str:
    """Return the condition of events that runs have stored."""
    names = ", ".join(map(string_literal, runs))
    return (
        f"stored.event_id IN (SELECT event_id FROM `{target.table('event_store', 'events')}` WHERE run_id IN ({names}))"
    )


def with_ids(ids: Iterable[str]) -> str:
    """Return the condition of events by their ids."""
    return f"stored.event_id IN ({', '.join(map(string_literal, ids))})"


def _typed(target: Target, table: str, condition: str) -> str:
    names = ", ".join(f"typed.{column.name}" for column in TABLES[table].columns)
    return (
        f"SELECT {names} FROM `{target.table('analytics', table)}` AS typed"
        f" JOIN `{target.table('analytics', 'events_distinct')}` AS stored ON stored.event_id = typed.event_id"
        " AND stored.event_type = typed.event_type AND stored.event_time = typed.event_time"
        f" WHERE {condition} QUALIFY ROW_NUMBER() OVER"
        " (PARTITION BY typed.event_id ORDER BY typed.publish_time, typed.message_id, typed.run_id) = 1"
    )
