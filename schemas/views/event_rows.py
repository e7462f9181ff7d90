"""The rows of events in all tables, as SQL: made from the registry, so that a new event type is counted by itself."""

from schemas.registry import REGISTRY, Registry


def event_rows_sql(event_store: str, analytics: str, registry: Registry = REGISTRY) -> str:
    """Return the query of (table_name, event_id) of every row that belongs to an event.

    Args:
        event_store: the quoted dataset of the event store, or a placeholder.
        analytics: the quoted dataset of the typed tables, or a placeholder.
        registry: the event types, which name the typed tables.
    """
    tables = [("events", event_store), *((name, analytics) for name in registry.by_table())]
    return "\n  UNION ALL\n  ".join(
        f"SELECT '{name}' AS table_name, event_id\n  FROM {dataset}.{name}" for name, dataset in tables
    )
