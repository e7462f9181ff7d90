"""Events as several runs stored them: the rows of the event store and the typed tables, and the expected rows of the views.

`expected` folds the same events in plain Python, without SQL, from the contract's words: each event once, and only if
the event store holds it; the newest value by (event time, event id) that is not null.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from typing import Any

from schemas.registry import REGISTRY
from schemas.tables.definitions import ANALYTICS, EVENT_STORE, TABLES, Table

Key = tuple[str, str]
Rows = list[dict[str, Any]]
START = datetime(2026, 6, 15, 23, 50, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """Return a time so many seconds after the start of the examples, ten minutes before midnight UTC."""
    return START + timedelta(seconds=seconds)


@dataclass(frozen=True)
class Fact:
    """One event: `data` holds the columns of its typed table."""

    event_id: str
    event_type: str
    event_time: datetime
    data: dict[str, Any] = field(default_factory=dict, hash=False)

    @property
    def table(self) -> str:
        event_type = REGISTRY.get(self.event_type)
        assert event_type is not None
        return event_type.table

    @property
    def amount(self) -> Decimal | None:
        if self.event_type == "order.created":
            return self.data.get("total_amount")
        return self.data.get("amount") if self.event_type.startswith("payment.") else None


@dataclass(frozen=True)
class Delivery:
    """One time that a run stored an event. `in_store` is False where the run died before its event store stood."""

    fact: Fact
    message_id: str
    publish_time: datetime
    run_id: str = "run-1"
    in_store: bool = True

    def event_row(self) -> dict[str, Any]:
        fact = self.fact
        return {
            **self._common(),
            "source": "service",
            "topic": "orders",
            "entity_id": "entity",
            "causation_id": None,
            "data": json.dumps(fact.data, default=str),
            "data_text": json.dumps(fact.data, default=str),
            "extensions": None,
            "notes": ["CONTROL_CHARS"] if fact.event_id.endswith("0") else [],
            "ingest_time": START,
            "amount": fact.amount,
        }

    def typed_row(self) -> dict[str, Any]:
        columns = {name: self.fact.data.get(name) for name in TABLES[self.fact.table].arrow_schema().names}
        if self.fact.table == "order_events":
            columns |= {"has_items": "items" in self.fact.data, "items": self.fact.data.get("items", [])}
        return columns | self._common()

    def _common(self) -> dict[str, Any]:
        return {
            "event_id": self.fact.event_id,
            "event_type": self.fact.event_type,
            "event_time": self.fact.event_time,
            "publish_time": self.publish_time,
            "message_id": self.message_id,
            "correlation_id": "flow",
            "run_id": self.run_id,
        }


def stored(deliveries: Iterable[Delivery], sagas: Rows = ()) -> dict[Key, tuple[Table, Rows]]:
    """Return the rows of every table that the views read, in the order of arrival."""
    tables: dict[Key, tuple[Table, Rows]] = {
        (table.dataset, table.name): (table, [])
        for table in TABLES.values()
        if table.name in ("events", "order_sagas") or table.name in REGISTRY.by_table()
    }
    for delivery in deliveries:
        if delivery.in_store:
            tables[EVENT_STORE, "events"][1].append(delivery.event_row())
        tables[ANALYTICS, delivery.fact.table][1].append(delivery.typed_row())
    tables[ANALYTICS, "order_sagas"][1].extend(sagas)
    return tables


LAST = datetime.max.replace(tzinfo=UTC)


def expected(
    facts: Iterable[Fact], window_seconds: int = 60, states: Mapping[str, str] | None = None
) -> dict[str, Rows]:
    """Return the rows of the current views for distinct events, from the contract's words.

    `states` holds the states of orders by order id, from the sagas.
    """
    by_time = sorted(facts, key=lambda fact: (fact.event_time, fact.event_id))
    groups: dict[str, dict[Any, list[Fact]]] = defaultdict(lambda: defaultdict(list))
    for fact in by_time:
        window = int(fact.event_time.timestamp()) // window_seconds * window_seconds
        groups["event_counts_current"][window, fact.event_type].append(fact)
        if fact.table == "order_events":
            groups["order_current"][fact.data["order_id"]].append(fact)
        elif fact.table == "customer_events":
            groups["customer_current"][fact.data["customer_id"]].append(fact)
        elif fact.table == "inventory_events":
            groups["stock_level"][fact.data["sku"], fact.data.get("warehouse_id")].append(fact)
        elif fact.event_type == "payment.processed":
            groups["revenue_by_day"][fact.event_time.date(), fact.data["currency"]].append(fact)
    return {
        "order_current": [
            _order(key, group, (states or {}).get(key)) for key, group in groups["order_current"].items()
        ],
        "customer_current": [_customer(key, group) for key, group in groups["customer_current"].items()],
        "stock_level": [_stock(*key, group) for key, group in groups["stock_level"].items()],
        "event_counts_current": [
            {
                "window_start": datetime.fromtimestamp(window, UTC),
                "window_end": min(LAST - datetime.fromtimestamp(window, UTC), timedelta(seconds=window_seconds))
                + datetime.fromtimestamp(window, UTC),
                "event_type": event_type,
                "events": len(group),
                "amount": _sum(fact.amount for fact in group),
            }
            for (window, event_type), group in groups["event_counts_current"].items()
        ],
        "revenue_by_day": [
            {"day": day, "currency": currency, "amount": _sum(f.amount for f in group), "payments": len(group)}
            for (day, currency), group in groups["revenue_by_day"].items()
        ],
    }


def _newest(group: list[Fact], name: str) -> Any:
    return next((v for fact in reversed(group) if (v := fact.data.get(name)) is not None), None)


def _time_of(group: list[Fact], event_type: str, name: str | None = None) -> datetime | None:
    last = next((fact for fact in reversed(group) if fact.event_type == event_type), None)
    return last and (last.data.get(name or "") or last.event_time)


def _order(order_id: str, group: list[Fact], state: str | None) -> dict[str, Any]:
    return {
        "order_id": order_id,
        "state": state,
        **{name: _newest(group, name) for name in ("customer_id", "status", "currency", "total_amount")},
        "items": _newest(group, "items") or [],
        "created_time": _time_of(group, "order.created"),
        "updated_time": group[-1].event_time,
        "completed_time": _time_of(group, "order.completed", "completed_at"),
        "events": len(group),
    }


def _customer(customer_id: str, group: list[Fact]) -> dict[str, Any]:
    return {
        "customer_id": customer_id,
        **{name: _newest(group, name) for name in ("country", "type", "status")},
        "registered_time": _time_of(group, "customer.registered"),
        "updated_time": group[-1].event_time,
        "events": len(group),
    }


def _stock(sku: str, warehouse_id: str | None, group: list[Fact]) -> dict[str, Any]:
    total = sum(f.data["quantity"] * (1 if f.event_type == "inventory.reserved" else -1) for f in group)
    return {
        "sku": sku,
        "warehouse_id": warehouse_id,
        "reserved": total if -(2**63) <= total < 2**63 else None,
        "updated_time": group[-1].event_time,
    }


def _sum(amounts: Iterable[Decimal | None]) -> Decimal | None:
    known = [amount for amount in amounts if amount is not None]
    with localcontext(prec=60):
        total = sum(known, Decimal(0))
    return total if known and total < Decimal(10) ** 29 else None
