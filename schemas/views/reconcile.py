"""SQL that reconciles each typed table with the event store: valid events of its types = rows + undelivered rows.

See docs/data-contract.md#undelivered-rows. Events are counted by event id, so a row that is held twice counts once.
"""

from schemas.registry import REGISTRY, Registry
from schemas.views import Names
from schemas.views.event_rows import event_rows_sql


def reconcile_sql(
    names: Names, *, start: str | None = None, end: str | None = None, registry: Registry = REGISTRY
) -> str:
    """Return the query that gives one row per typed table: table_name, valid, row_count, undelivered, missing.

    `valid` counts the stored events of the table's types, `row_count` those of which the table holds a row, `undelivered`
    those that it lacks and whose rejection a dead letter of stage `sink` records. `missing` counts all others: 0 if the
    table reconciles. A table of whose types no event is stored has no row.

    Args:
        names: project and datasets, the live ones or those of a staging.
        start: only events published at or after this time (RFC 3339); None: from the first.
        end: only events published before this time; None: to the last.
        registry: the event types.
    """
    event_store, analytics = (f"`{names.project}`.`{name}`" for name in (names.event_store, names.analytics))
    edges = [
        f"publish_time {sign} TIMESTAMP '{time}'" for sign, time in ((">=", start), ("<", end)) if time is not None
    ]
    condition = " AND ".join(["TRUE", *edges])
    table_of = " ".join(f"WHEN '{event_type.name}' THEN '{event_type.table}'" for event_type in registry)
    return f"""WITH stored AS (
  SELECT DISTINCT event_id, CASE event_type {table_of} END AS table_name
  FROM {event_store}.events
  WHERE {condition}
),
event_rows AS (
  {event_rows_sql(event_store, analytics, registry)}
),
held AS (
  SELECT DISTINCT table_name, event_id FROM event_rows
),
rejected AS (
  SELECT DISTINCT table_name, event_id
  FROM {event_store}.dead_letters
  WHERE stage = 'sink' AND table_name IS NOT NULL AND event_id IS NOT NULL
)
SELECT
  stored.table_name,
  COUNT(*) AS valid,
  COUNTIF(held.event_id IS NOT NULL) AS row_count,
  COUNTIF(held.event_id IS NULL AND rejected.event_id IS NOT NULL) AS undelivered,
  COUNTIF(held.event_id IS NULL AND rejected.event_id IS NULL) AS missing
FROM stored
LEFT JOIN held ON held.table_name = stored.table_name AND held.event_id = stored.event_id
LEFT JOIN rejected ON rejected.table_name = stored.table_name AND rejected.event_id = stored.event_id
WHERE stored.table_name IS NOT NULL
GROUP BY stored.table_name
ORDER BY stored.table_name"""
