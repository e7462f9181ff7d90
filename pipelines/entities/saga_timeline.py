"""The timeline of one order: its events by time, the state and owed compensations after each, and the alerts."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from schemas.saga.facts import SagaFact, fact_from
from schemas.saga.open_items import Compensation
from schemas.saga.reducer import order_facts, reduce_saga
from schemas.timestamps import from_datetime, to_datetime

TIMELINE: Final = ("time", "after_seconds", "what", "detail", "state", "owed", "event_id")
"""Columns: `after_seconds` since the event before, `state` and `owed` (refund, release, cancel) after the event."""


def timeline(
    order_id: str, rows: Iterable[tuple[Any, ...]], alerts: Iterable[tuple[str, datetime]]
) -> list[tuple[Any, ...]]:
    """Return the rows of an order's timeline; an alert follows an event of the same time.

    `rows`: event_time, event_id, event_type, correlation_id, status, payment_id, reservation_id, sku, quantity.
    """
    facts = order_facts(fact for row in rows if (fact := _fact(order_id, *row)) is not None)
    lines: list[tuple[int, int, tuple[Any, ...]]] = []
    before: int | None = None
    for number, fact in enumerate(facts, 1):
        saga = reduce_saga(order_id, facts[:number], now_us=None)
        time_us = fact.event_time_us
        gap = None if before is None else round((time_us - before) / 1e6, 3)
        owed = ", ".join(_spell(step) for step in saga.compensations) or None
        line = (to_datetime(time_us), gap, fact.event_type, _detail(fact), saga.state.value, owed, fact.event_id)
        lines.append((time_us, 0, line))
        before = time_us
    for name, time in alerts:
        lines.append((from_datetime(time), 1, (time, None, name, None, None, None, None)))
    return [line for _, _, line in sorted(lines, key=lambda entry: entry[:2])]


def _fact(
    order_id: str, time: datetime, event_id: str, event_type: str, correlation_id: str, *rest: Any
) -> SagaFact | None:
    status, payment_id, reservation_id, sku, quantity = rest
    return fact_from(
        order_id=order_id,
        event_type=event_type,
        event_id=event_id,
        event_time_us=from_datetime(time),
        correlation_id=correlation_id,
        status=status,
        payment_id=payment_id,
        reservation_id=reservation_id,
        sku=sku,
        quantity=quantity,
    )


def _detail(fact: SagaFact) -> str | None:
    if fact.sku:
        return " ".join(filter(None, [f"{fact.quantity} x {fact.sku}", fact.reservation_id]))
    return fact.status or fact.payment_id or None


def _spell(step: Compensation) -> str:
    quantity = f"{step.quantity} x " if step.quantity else ""
    return " ".join(filter(None, [step.step, f"{quantity}{step.sku}", step.payment_id, step.reservation_id]))
