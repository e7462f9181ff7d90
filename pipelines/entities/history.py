"""The history of one entity: the query of its events with their typed cells, and the state after each event."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from google.cloud import bigquery

from pipelines.stores.sql_text import string_literal
from pipelines.stores.target import Target
from schemas.registry import REGISTRY
from schemas.saga.entity_state import newest_states, order_states
from schemas.tables.definitions import TABLES

COLUMN_OF: Final[Mapping[str, str]] = {
    "order": "order_id",
    "customer": "customer_id",
    "device": "device_id",
    "correlation": "correlation_id",
}
"""The kinds of entities, and the column of the typed tables that names one."""
TYPED = tuple(REGISTRY.by_table())
SHOWN = (
    "order_id", "status", "payment_id", "reservation_id", "sku", "quantity", "amount", "currency", "country", "type",
    "metric", "value",
)  # fmt: skip
"""Columns of the typed tables that are printed; none of them is personal data in clear."""
_STATE = {
    "customer": ("country", "type", "status"),
    "device": ("metric", "value"),
    "correlation": ("order_id", "status"),
}


class History(NamedTuple):
    """The rows of an entity's events by event time, and the state after each."""

    rows: list[dict[str, Any]]
    states: list[str]


def read_history(client: bigquery.Client, target: Target, kind: str, name: str, limit: int) -> History:
    """Return the newest `limit` events of one entity with the states after them.

    Args:
        kind: order, customer, device or correlation.
        name: the entity's id.
    """
    rows = [dict(row.items()) for row in client.query(history_sql(target, kind, name, limit)).result()]
    if kind == "order":
        return History(rows, list(order_states(name, rows)))
    return History(rows, list(newest_states(rows, _STATE[kind], "customer." if kind == "customer" else "")))


def history_sql(target: Target, kind: str, name: str, limit: int) -> str:
    """Return the query of the events of one entity with their typed cells, in order."""
    column = COLUMN_OF[kind]
    value = string_literal(name.lower() if kind == "correlation" else name)
    parts = []
    for table in TYPED:
        names = {item.name: item.type for item in TABLES[table].columns}
        if column not in names:
            continue
        cells = ", ".join(
            f"CAST({item} AS STRING) AS {item}" if names.get(item, "STRING") != "INT64" and item in names
            else item if item in names
            else f"CAST(NULL AS {'INT64' if item == 'quantity' else 'STRING'}) AS {item}"
            for item in SHOWN
        )  # fmt: skip
        source = f"`{target.table('analytics', table)}` WHERE {column} = {value}"
        first = "QUALIFY ROW_NUMBER() OVER (PARTITION BY event_id ORDER BY publish_time, message_id, run_id) = 1"
        parts.append(f"SELECT event_id, event_type, {cells} FROM {source} {first}")
    typed = " UNION ALL ".join(f"({part})" for part in parts)
    cells = ", ".join(f"typed.{item}" for item in SHOWN)
    return (
        "SELECT stored.event_time, stored.event_id, stored.event_type, stored.source, stored.correlation_id,"
        f" stored.causation_id, {cells} FROM ({typed}) AS typed"
        f" JOIN `{target.table('analytics', 'events_distinct')}` AS stored"
        " ON stored.event_id = typed.event_id AND stored.event_type = typed.event_type"
        f" WHERE TRUE QUALIFY ROW_NUMBER() OVER (ORDER BY stored.event_time DESC, stored.event_id DESC) <= {limit}"
        " ORDER BY stored.event_time, stored.event_id"
    )
