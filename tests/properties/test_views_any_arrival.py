"""The read side does not depend on how events arrived: any order, any redelivery, any split into runs, any dead run."""

from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.tables.definitions import TABLES
from schemas.views import all_views, find_view
from tests.support.deliveries import Delivery, Fact, at, expected, stored
from tests.support.duck_engine import DuckViews
from tests.support.histories import DATA, times

VIEWS = all_views()


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
