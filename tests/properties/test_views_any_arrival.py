"""The read side does not depend on how events arrived: any order, any redelivery, any split into runs, any dead run."""

from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.tables.definitions import TABLES
from schemas.views import all_views, find_view
from tests.support.deliveries import Delivery, Fact, at, expected, stored
from tests.support.duck_engine import DuckViews

VIEWS = all_views()
ids = st.sampled_from(["k1", "k2"])
# Few instants and few values: ties, gaps and repetitions are the interesting cases.
times = st.sampled_from([0, 0.000001, 59.999999, 60, 599.5, 600, 600.000001]).map(at)
texts = st.none() | st.sampled_from(["A", "B"])
money = st.none() | st.decimals(0, 100, places=2)
lines = st.lists(st.fixed_dictionaries({"sku": ids, "quantity": st.integers(1, 9), "unit_price": money}), max_size=2)
_STATE = {"status": texts, "currency": texts, "total_amount": money}
_CUSTOMER = {"customer_id": ids, "country": texts, "type": texts, "status": texts}
_STOCK = {"sku": ids, "quantity": st.integers(1, 2**40), "warehouse_id": texts}
_PAYMENT = {"payment_id": ids, "order_id": ids, "amount": st.decimals(0, 100, places=9), "currency": ids}


def _data(required, items=False):
    return st.fixed_dictionaries(required, optional={"items": lines} if items else {})


DATA = {
    "order.created": _data({"order_id": ids, "customer_id": texts, **_STATE}, items=True),
    "order.updated": _data({"order_id": ids, **_STATE}, items=True),
    "order.completed": _data({"order_id": ids, "completed_at": st.none() | times}),
    "customer.registered": _data(_CUSTOMER),
    "customer.updated": _data(_CUSTOMER),
    "inventory.reserved": _data(_STOCK),
    "inventory.released": _data(_STOCK),
    "payment.processed": _data(_PAYMENT),
    "payment.failed": _data(_PAYMENT),
}


@st.composite
def histories(draw):
    """Draw the facts that stand, and two arrivals of what runs wrote of them, dead runs included."""
    kinds = draw(st.lists(st.sampled_from(sorted(DATA)), min_size=1, max_size=12))
    standing, deliveries = [], []
    for n, kind in enumerate(kinds):
        fact = Fact(f"e{n}", kind, draw(times), draw(DATA[kind]))
        copies = draw(st.integers(0, 3))
        if copies:
            standing.append(fact)
        for copy in range(copies):
            message = draw(st.integers(0, copy))
            deliveries.append(Delivery(fact, f"m{n}-{message}", at(1000 + message), f"run-{draw(st.integers(1, 3))}"))
        if not copies or draw(st.booleans()):  # a run that died before its event store stood wrote its typed rows
            deliveries.append(Delivery(fact, f"m{n}-0", at(1000), "run-0", in_store=False))
    return standing, draw(st.permutations(deliveries)), draw(st.permutations(deliveries))


@pytest.fixture(scope="module")
def warehouse() -> DuckViews:
    return DuckViews(TABLES.values(), VIEWS)


def ordered(view, rows):
    def key(row):
        values = [row[name] for name in view.key]
        return [value.timestamp() if isinstance(value, datetime) else str(value) for value in values]

    return sorted(rows, key=key)


@settings(max_examples=60, deadline=timedelta(seconds=30), suppress_health_check=[HealthCheck.too_slow])
@given(histories())
def test_every_view_equals_the_events_for_any_order_of_arrival(warehouse, history):
    facts, arrival, another = history
    warehouse.load(stored(arrival))
    first = {view: ordered(view, warehouse.rows(view)) for view in VIEWS}
    for name, rows in expected(facts).items():
        view = find_view(name)
        assert first[view] == ordered(view, rows)
    early = at(60)
    for name, rows in expected([fact for fact in facts if fact.event_time <= early]).items():
        view = find_view(name)
        assert ordered(view, warehouse.rows(view, early.isoformat())) == ordered(view, rows)
    warehouse.load(stored(another))
    assert {view: ordered(view, warehouse.rows(view)) for view in VIEWS} == first
