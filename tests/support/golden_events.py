"""A golden set for the read side: duplicates, late and out-of-order events, dead runs, ties, NULLs and extremes."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tests.support.deliveries import Delivery, Fact, Rows, at

LARGEST = Decimal("9" * 29 + "." + "9" * 9)


def _order(number: int, what: str, seconds: float, order_id: str = "o1", **data: Any) -> Fact:
    return Fact(f"{number:02}", f"order.{what}", at(seconds), {"order_id": order_id, **data})


def _line(sku: str, quantity: int, price: str | None = None) -> dict[str, Any]:
    return {"sku": sku, "quantity": quantity, "unit_price": Decimal(price) if price else None}


FACTS = [
    _order(
        *(1, "created", 0),
        **{"customer_id": "c1", "items": [_line("a", 2, "1.10"), _line("b", 1)], "currency": "EUR"},
        **{"total_amount": Decimal("2.20"), "status": "NEW"},
    ),
    _order(2, "updated", 30, status="PAID"),  # no items: the newest list stays
    _order(3, "updated", 60, items=[], total_amount=Decimal("0")),  # an empty list is news
    _order(4, "completed", 90, completed_at=at(80)),
    _order(5, "updated", 10, status="OLD", currency="USD"),  # late: older than the known facts
    # Two at the same instant: the greater event id is the newer.
    _order(6, "created", 100, "o2", customer_id="c2", items=[_line("a", 1)], status="FIRST"),
    _order(7, "updated", 100, "o2", status="SECOND"),
    _order(8, "completed", 200, "o2"),  # completedAt absent: its event time
    _order(9, "updated", 5, "o3", status="ORPHAN"),  # its order.created never came
    Fact("10", "customer.registered", at(1), {"customer_id": "c1", "country": "DE", "type": "B2C", "status": "ACTIVE"}),
    Fact("11", "customer.updated", at(5), {"customer_id": "c1", "country": "FR"}),
    Fact("12", "customer.updated", at(3), {"customer_id": "c1", "country": "IT", "type": "B2B"}),
    Fact("13", "customer.updated", at(4), {"customer_id": "ü' -- \\", "status": "line\nbreak 'quoted'"}),
    Fact("14", "inventory.reserved", at(1), {"sku": "a", "quantity": 5, "warehouse_id": "w1"}),
    Fact("15", "inventory.released", at(2), {"sku": "a", "quantity": 2, "warehouse_id": "w1"}),
    Fact("16", "inventory.released", at(3), {"sku": "a", "quantity": 7}),  # no warehouse, and below zero
    Fact("17", "inventory.reserved", at(4), {"sku": "big", "quantity": 2**63 - 1, "warehouse_id": "w1"}),
    Fact("18", "inventory.reserved", at(5), {"sku": "big", "quantity": 2**63 - 1, "warehouse_id": "w1"}),  # past INT64
    Fact("19", "payment.processed", at(599.999999), {"payment_id": "p1", "amount": Decimal("0.1"), "currency": "EUR"}),
    Fact("20", "payment.processed", at(600), {"payment_id": "p2", "amount": Decimal("0.2"), "currency": "EUR"}),
    Fact("21", "payment.processed", at(601), {"payment_id": "p3", "amount": Decimal("1E-9"), "currency": "EUR"}),
    Fact("22", "payment.processed", at(602), {"payment_id": "p4", "amount": LARGEST, "currency": "JPY"}),
    Fact("23", "payment.failed", at(603), {"payment_id": "p5", "amount": Decimal("7"), "currency": "EUR"}),
    Fact("24", "iot.telemetry", at(59.6), {"device_id": "d", "metric": "t", "value": 1.5}),  # rounds up, must not
    Fact("26", "payment.processed", at(604), {"payment_id": "p6", "amount": LARGEST, "currency": "KRW"}),
    Fact(
        "27", "payment.processed", at(604), {"payment_id": "p7", "amount": Decimal("1E-9"), "currency": "KRW"}
    ),  # too much
    Fact(
        "28",
        "payment.processed",
        at(661),
        {"payment_id": "p8", "amount": Decimal("9" * 28 + "8." + "9" * 9), "currency": "CLP"},
    ),
    Fact(
        "29", "payment.processed", at(661), {"payment_id": "p9", "amount": Decimal(1), "currency": "CLP"}
    ),  # just fits
    *(
        Fact(name, "payment.processed", at(721), {"payment_id": f"p{name}", "amount": LARGEST, "currency": "IDR"})
        for name in ("30", "31", "32")  # thrice the largest amount: a sum modulo 2**128 would fit again
    ),
    Fact(
        "33",
        "payment.failed",
        datetime(9999, 12, 31, 23, 59, 30, tzinfo=UTC),
        {"payment_id": "p", "amount": Decimal(1), "currency": "EUR"},
    ),
    Fact("25", "iot.telemetry", datetime.fromisoformat("2000-01-01T00:00:00Z"), {"device_id": "d", "value": -2.0}),
]
for _fact in FACTS:
    if _fact.table == "payment_events":
        _fact.data["order_id"] = "o1"
    if _fact.table == "iot_telemetry":
        _fact.data["metric"] = "t"

NEVER_STORED = [
    _order(80, "updated", 400, status="FROM A DEAD RUN"),
    Fact(
        "81", "payment.processed", at(50), {"payment_id": "p", "order_id": "o", "amount": Decimal(5), "currency": "EUR"}
    ),
]
# The same ids again, later and with other values, from a run without the earlier state: the first publication is retained.
CONFLICTS = [
    _order(2, "updated", 500, status="CONFLICT", order_id="o9"),
    Fact("19", "inventory.reserved", at(500), {"sku": "conflict", "quantity": 1}),
]


def golden() -> list[Delivery]:
    """Return every delivery: each event once in order, then what disturbs it."""
    first = [Delivery(fact, f"m{fact.event_id}", at(1000 + int(fact.event_id))) for fact in FACTS]
    again = [Delivery(fact, f"m{fact.event_id}", at(1000 + int(fact.event_id)), "run-2") for fact in FACTS[::2]]
    other_message = [Delivery(fact, f"n{fact.event_id}", at(2000), "run-2") for fact in FACTS[::3]]
    dead = [
        Delivery(fact, f"m{fact.event_id}", at(900), "run-0", in_store=False) for fact in (*NEVER_STORED, *FACTS[:4])
    ]
    conflicts = [Delivery(fact, f"x{fact.event_id}", at(3000), "run-3") for fact in CONFLICTS]
    return [*conflicts, *dead, *reversed(first), *other_message, *again]


SAGAS: Rows = [
    {
        "order_id": order_id,
        "correlation_id": "flow",
        "state": state,
        "started_time": at(0),
        "updated_time": at(version),
        "deadline": deadline,
        "events": version,
        "alerts": alerts,
        "version": version,
        "run_id": "run-1",
    }
    for order_id, state, version, deadline, alerts in (
        ("o1", "PAID", 3, at(1800), ["SAGA_STUCK", "SAGA_RECOVERED"]),
        ("o1", "COMPLETED", 4, None, ["SAGA_STUCK", "SAGA_RECOVERED"]),
        ("o1", "CREATED", 1, at(1800), []),
        ("o2", "CREATED", 1, at(1800), []),
    )
]
