"""Queries of the report about order sagas: states, paths and durations."""

from datetime import datetime
from typing import NamedTuple

from pipelines.report.stores import Stores, percentiles

STEPS = ("created", "reserved", "payment failed", "paid", "released", "completed", "cancelled")
"""The steps of a saga, in the order of the chart of paths."""
TIMED = (
    ("created", "reserved"),
    ("reserved", "paid"),
    ("paid", "completed"),
    ("reserved", "payment failed"),
    ("payment failed", "released"),
    ("released", "cancelled"),
)
"""Pairs of steps whose durations are reported: the forward steps, then failure and compensation."""
STUCK, OPEN = "stuck", "still open"
_MOST_STUCK = 10


class StateCount(NamedTuple):
    """The number of sagas in a state, and of stuck sagas among them."""

    state: str
    sagas: int
    stuck: int


class AlertCount(NamedTuple):
    """The number of orders with an alert, and its first and last event time."""

    alert: str
    orders: int
    first: datetime
    last: datetime


class Stuck(NamedTuple):
    """An order whose next step has not come in time."""

    order_id: str
    state: str
    updated_time: datetime
    deadline: datetime


class StepTime(NamedTuple):
    """Seconds from one step to another, over the orders that took both in this order; `against` counts those in reverse order."""

    earlier: str
    later: str
    orders: int
    against: int
    p50: float
    p95: float


class Way(NamedTuple):
    """The steps that orders took, in the order of STEPS; `end` is STUCK or OPEN, or empty for an ended saga."""

    steps: tuple[str, ...]
    end: str
    orders: int


def saga_states(stores: Stores) -> list[StateCount]:
    """Return the sagas by state; empty if none are tracked."""
    # A saga is stuck while its version is odd (docs/decisions/0006-order-saga.md).
    found = stores.rows(
        f"""SELECT state, COUNT(*) AS sagas, COUNTIF(MOD(version, 2) = 1) AS stuck
        FROM {stores.analytics}.order_saga_current GROUP BY state ORDER BY state"""
    )
    return [StateCount(row.state, row.sagas, row.stuck) for row in found]


def saga_alerts(stores: Stores) -> list[AlertCount]:
    """Return the raised alerts, the most frequent first."""
    found = stores.rows(
        f"""SELECT alert, COUNT(DISTINCT order_id) AS orders, MIN(alert_time) AS first_time, MAX(alert_time) AS last_time
        FROM {stores.analytics}.saga_alerts GROUP BY alert ORDER BY orders DESC, alert"""
    )
    return [AlertCount(row.alert, row.orders, row.first_time, row.last_time) for row in found]


def stuck_sagas(stores: Stores) -> list[Stuck]:
    """Return the stuck sagas with the longest waits, the longest first."""
    found = stores.rows(
        f"""SELECT order_id, state, updated_time, deadline FROM {stores.analytics}.order_saga_current
        WHERE MOD(version, 2) = 1 AND deadline IS NOT NULL ORDER BY deadline, order_id LIMIT {_MOST_STUCK}"""
    )
    return [Stuck(row.order_id, row.state, row.updated_time, row.deadline) for row in found]


def _firsts(stores: Stores) -> str:
    """Return the query of one row per order: the time (µs) of the first event of each step; duplicates have no effect."""
    sources = (
        ("created", "order_events", "event_type = 'order.created'"),
        ("reserved", "inventory_events", "event_type = 'inventory.reserved' AND order_id IS NOT NULL"),
        ("payment failed", "payment_events", "event_type = 'payment.failed'"),
        ("paid", "payment_events", "event_type = 'payment.processed'"),
        ("completed", "order_events", "event_type = 'order.completed'"),
        ("released", "inventory_events", "event_type = 'inventory.released' AND order_id IS NOT NULL"),
        ("cancelled", "order_events", "event_type = 'order.updated' AND status = 'CANCELLED'"),
    )
    union = " UNION ALL ".join(
        f"SELECT order_id, '{step}' AS step, event_time FROM {stores.analytics}.{table} WHERE {condition}"
        for step, table, condition in sources
    )
    columns = ", ".join(f"MIN(IF(step = '{step}', UNIX_MICROS(event_time), NULL)) AS {_column(step)}" for step in STEPS)
    return f"SELECT order_id, {columns} FROM ({union}) GROUP BY order_id"


def step_times(stores: Stores) -> list[StepTime]:
    """Return the durations of the steps that were taken."""
    pairs = " UNION ALL ".join(
        f"SELECT {number} AS pair, {_column(later)} - {_column(earlier)} AS took FROM firsts"
        f" WHERE {_column(earlier)} IS NOT NULL AND {_column(later)} IS NOT NULL"
        for number, (earlier, later) in enumerate(TIMED)
    )
    taken = f"(WITH firsts AS ({_firsts(stores)}) {pairs})"
    timed = f"(SELECT pair, took < 0 AS against, DIV(took, 1000) AS took_ms FROM {taken})"
    found = stores.rows(f"{percentiles(timed, 'pair, against', 'took_ms')} ORDER BY pair")
    against = {row.pair: row.total for row in found if row.against}
    return [
        StepTime(*TIMED[row.pair], row.total, against.get(row.pair, 0), row.p50 / 1000, row.p95 / 1000)
        for row in found
        if not row.against
    ]


def ways(stores: Stores) -> list[Way]:
    """Return the paths of orders, the most frequent first."""
    taken = ", ".join(f"firsts.{_column(step)} IS NOT NULL AS {_column(step)}" for step in STEPS)
    columns = ", ".join(_column(step) for step in STEPS)
    found = stores.rows(
        f"""WITH firsts AS ({_firsts(stores)}), taken AS (
          SELECT {taken},
            CASE WHEN saga.deadline IS NULL THEN '' WHEN MOD(saga.version, 2) = 1 THEN '{STUCK}' ELSE '{OPEN}'
            END AS end_state
          FROM firsts JOIN {stores.analytics}.order_saga_current AS saga USING (order_id)
        )
        SELECT {columns}, end_state, COUNT(*) AS orders FROM taken GROUP BY {columns}, end_state
        ORDER BY orders DESC, {columns}"""
    )
    return [Way(tuple(step for step in STEPS if row[_column(step)]), row.end_state, row.orders) for row in found]


def _column(step: str) -> str:
    return f"{step.replace(' ', '_')}_at"
