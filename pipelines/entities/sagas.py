"""Queries of order sagas: their number by state, lists of orders, and the timeline of one order."""

from datetime import datetime
from typing import Any, NamedTuple

from google.cloud import bigquery

from pipelines.entities.saga_timeline import TIMELINE, timeline
from pipelines.errors import UserError
from pipelines.stores.target import Target
from schemas.tables.definitions import ANALYTICS

# A saga is stuck while its version is odd (docs/decisions/0006-order-saga.md).
_STUCK = "MOD(version, 2) = 1"
_LISTED = "order_id, state, {stuck} AS stuck, updated_time, deadline, events, alerts, correlation_id"


class Found(NamedTuple):
    """Rows to print, under their columns."""

    columns: list[str]
    rows: list[tuple[Any, ...]]


def count_sagas(client: bigquery.Client, target: Target) -> Found:
    """Return the number of orders per state, the stuck ones, and the oldest and newest change."""
    return _query(
        client,
        f"SELECT state, COUNT(*) AS orders, COUNTIF({_STUCK}) AS stuck, MIN(updated_time) AS oldest, "
        f"MAX(updated_time) AS newest FROM `{saga_view(target)}` GROUP BY state ORDER BY orders DESC, state",
    )


def list_sagas(client: bigquery.Client, target: Target, states: list[str], *, stuck: bool, limit: int) -> Found:
    """Return at most `limit` orders in some states: stuck orders by deadline, others newest first."""
    wanted = [f"state IN ({', '.join(repr(state) for state in states)})"] if states else []
    wanted += [_STUCK] if stuck else []
    order = "deadline, order_id" if stuck else "updated_time DESC, order_id"
    return _query(
        client,
        f"SELECT {_LISTED.format(stuck=_STUCK)} FROM `{saga_view(target)}` WHERE {' AND '.join(wanted)} "
        f"ORDER BY {order} LIMIT {limit}",
    )


def order_timeline(client: bigquery.Client, target: Target, order_id: str) -> Found:
    """Return the events, states and alerts of one order by time; UserError if none of its events is stored."""
    sagas = _query(
        client, f"SELECT alerts, run_id FROM `{saga_view(target)}` WHERE order_id = @order_id", order_id
    ).rows
    if not sagas:
        raise UserError(f"--order {order_id}: no event of this order is stored")
    alerts, run_id = sagas[0]
    facts = _query(client, _facts_sql(target), order_id).rows
    raised = _query(client, _alerts_sql(target), order_id).rows
    return Found(list(TIMELINE), timeline(order_id, facts, _current_alerts(raised, set(alerts), run_id)))


def _facts_sql(target: Target) -> str:
    """Return the query of an order's events from the typed tables, so that no restricted column is read."""
    parts = {
        "order_events": "status, NULL AS payment_id, NULL AS reservation_id, NULL AS sku, NULL AS quantity",
        "payment_events": "NULL AS status, payment_id, NULL AS reservation_id, NULL AS sku, NULL AS quantity",
        "inventory_events": "NULL AS status, NULL AS payment_id, reservation_id, sku, quantity",
    }
    return " UNION ALL ".join(
        f"SELECT event_time, event_id, event_type, correlation_id, {columns} "
        f"FROM `{target.table(ANALYTICS, table)}` WHERE order_id = @order_id"
        for table, columns in parts.items()
    )


def _alerts_sql(target: Target) -> str:
    """Return the query of all alerts that were raised for an order."""
    return (
        f"SELECT alert, alert_time, run_id FROM `{target.table(ANALYTICS, 'saga_alerts')}` WHERE order_id = @order_id"
    )


def _current_alerts(raised: list[tuple[Any, ...]], alerts: set[str], run_id: str) -> list[tuple[str, datetime]]:
    """Return each current alert once: as raised by the run of the newest row, or else by an earlier run."""
    newest_last = sorted(raised, key=lambda row: (row[2] == run_id, row[1]))
    return list({alert: time for alert, time, _ in newest_last if alert in alerts}.items())


def saga_view(target: Target) -> str:
    """Return the full name of the view with the newest saga of each order."""
    return target.table(ANALYTICS, "order_saga_current")


def _query(client: bigquery.Client, sql: str, order_id: str | None = None) -> Found:
    parameters = [bigquery.ScalarQueryParameter("order_id", "STRING", order_id)] if order_id else []
    result = client.query(sql, job_config=bigquery.QueryJobConfig(query_parameters=parameters)).result()
    return Found([field.name for field in result.schema], [row.values() for row in result])
