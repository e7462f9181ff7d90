"""The command `sagas`: count orders by saga state, list orders, or show the timeline of one order."""

import argparse
import sys
from datetime import datetime
from typing import Any, NamedTuple

from google.api_core.exceptions import GoogleAPICallError, NotFound
from google.cloud import bigquery

from pipelines.cli.output_formats import write_rows
from pipelines.cli.saga_timeline import TIMELINE, timeline
from pipelines.errors import RunFailed, UserError
from pipelines.stores.target import Target
from pipelines.stores.upgrade import open_for_reading
from schemas.tables.definitions import ANALYTICS

# A saga is stuck while its version is odd (docs/decisions/0006-order-saga.md).
_STUCK = "MOD(version, 2) = 1"
_LISTED = "order_id, state, {stuck} AS stuck, updated_time, deadline, events, alerts, correlation_id"


class Found(NamedTuple):
    """Rows to print, under their columns."""

    columns: list[str]
    rows: list[tuple[Any, ...]]


def run(args: argparse.Namespace) -> int:
    """Print the number of orders per state, a list of orders, or the timeline of one order."""
    if args.order and (args.state or args.stuck):
        raise UserError(f"--order {args.order}: shows one order; it does not go with --state or --stuck")
    target = Target.from_args(args)
    with open_for_reading(target) as endpoints:
        try:
            if args.order:
                found = _timeline_of(endpoints.bigquery, target, args.order)
            elif args.state or args.stuck:
                found = _query(endpoints.bigquery, list_query(target, args.state or [], args.stuck, args.limit + 1))
            else:
                found = _query(endpoints.bigquery, count_query(target))
        except NotFound as error:
            raise RunFailed(f"{_view(target)}: does not exist; `provision` creates it ({error.message})") from error
        except GoogleAPICallError as error:
            raise RunFailed(f"{_view(target)}: {error.message}") from error
    printed, more = write_rows(args.format, found.columns, found.rows, args.limit, sys.stdout)
    if more:
        print(f"the first {printed} rows; --limit prints more", file=sys.stderr)
    return 0


def count_query(target: Target) -> str:
    """Return the query of the number of orders per state."""
    return (
        f"SELECT state, COUNT(*) AS orders, COUNTIF({_STUCK}) AS stuck, MIN(updated_time) AS oldest, "
        f"MAX(updated_time) AS newest FROM `{_view(target)}` GROUP BY state ORDER BY orders DESC, state"
    )


def list_query(target: Target, states: list[str], stuck: bool, limit: int) -> str:
    """Return the query of the orders in some states: stuck orders by deadline, others newest first."""
    wanted = [f"state IN ({', '.join(repr(state) for state in states)})"] if states else []
    wanted += [_STUCK] if stuck else []
    order = "deadline, order_id" if stuck else "updated_time DESC, order_id"
    return (
        f"SELECT {_LISTED.format(stuck=_STUCK)} FROM `{_view(target)}` WHERE {' AND '.join(wanted)} "
        f"ORDER BY {order} LIMIT {limit}"
    )


def _timeline_of(client: bigquery.Client, target: Target, order_id: str) -> Found:
    sagas = _query(client, f"SELECT alerts, run_id FROM `{_view(target)}` WHERE order_id = @order_id", order_id).rows
    if not sagas:
        raise UserError(f"--order {order_id}: no event of this order is stored")
    alerts, run_id = sagas[0]
    facts = _query(client, facts_query(target), order_id).rows
    raised = _query(client, alerts_query(target), order_id).rows
    return Found(list(TIMELINE), timeline(order_id, facts, _current_alerts(raised, set(alerts), run_id)))


def facts_query(target: Target) -> str:
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


def alerts_query(target: Target) -> str:
    """Return the query of all alerts that were raised for an order."""
    return (
        f"SELECT alert, alert_time, run_id FROM `{target.table(ANALYTICS, 'saga_alerts')}` WHERE order_id = @order_id"
    )


def _current_alerts(raised: list[tuple[Any, ...]], alerts: set[str], run_id: str) -> list[tuple[str, datetime]]:
    """Return each current alert once: as raised by the run of the newest row, or else by an earlier run."""
    newest_last = sorted(raised, key=lambda row: (row[2] == run_id, row[1]))
    return list({alert: time for alert, time, _ in newest_last if alert in alerts}.items())


def _view(target: Target) -> str:
    return target.table(ANALYTICS, "order_saga_current")


def _query(client: bigquery.Client, sql: str, order_id: str | None = None) -> Found:
    parameters = [bigquery.ScalarQueryParameter("order_id", "STRING", order_id)] if order_id else []
    result = client.query(sql, job_config=bigquery.QueryJobConfig(query_parameters=parameters)).result()
    return Found([field.name for field in result.schema], [row.values() for row in result])
