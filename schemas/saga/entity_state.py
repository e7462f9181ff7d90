"""What an entity is after each of its events: the newest value of each field that is not null. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from schemas.saga.facts import CANCELLED_STATUS, SAGA_EVENT_TYPES, SagaFact
from schemas.saga.reducer import reduce_saga
from schemas.timestamps import from_datetime


def order_states(order_id: str, rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the saga's state after each event of an order, in their order; with the alerts that the event raised."""
    facts: list[SagaFact] = []
    known: tuple[str, ...] = ()
    for row in rows:
        if row["event_type"] not in SAGA_EVENT_TYPES:
            yield ""
            continue
        facts.append(saga_fact(row))
        saga = reduce_saga(order_id, facts, now_us=None)
        new = [alert for alert in saga.alerts if alert not in known]
        known = saga.alerts
        yield " ".join([saga.state, *new])


def saga_fact(row: Mapping[str, Any]) -> SagaFact:
    """Return the saga fact of a typed row."""
    return SagaFact(
        from_datetime(row["event_time"]),
        row["event_id"],
        row["event_type"],
        CANCELLED_STATUS if row.get("status") == CANCELLED_STATUS else None,
        row["correlation_id"],
        row.get("payment_id") or "",
        row.get("reservation_id") or "",
        row.get("sku") or "",
        row.get("quantity") or 0,
    )


def newest_states(rows: Iterable[Mapping[str, Any]], fields: tuple[str, ...], of: str = "") -> Iterator[str]:
    """Yield, after each event, the newest value of each field that is not null; `of` is how the types that count begin."""
    state: dict[str, Any] = {}
    for row in rows:
        if not row["event_type"].startswith(of):
            yield ""
            continue
        state |= {name: row[name] for name in fields if row.get(name) is not None}
        yield " ".join(f"{name}={state[name]}" for name in fields if name in state)
