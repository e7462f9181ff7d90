"""The read model equals the views for any order of arrival, any redelivery, any split into transactions, any restart."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pipelines.read_model.migrate import migrate
from schemas.read_model.address import parse_address
from schemas.tables.definitions import TABLES
from schemas.views import all_views, find_view
from tests.support.deliveries import Delivery, Fact, at, stored
from tests.support.duck_engine import DuckViews
from tests.support.golden_events import CONFLICTS, FACTS, SAGAS
from tests.support.histories import DATA, times
from tests.support.postgres import cluster
from tests.support.read_models import (
    VIEW_OF,
    empty,
    event_uuid,
    events_of,
    records,
    sagas_of,
    sqlite_url,
    view_records,
    without_hashes,
)
from transforms.sinks.read_model.opened import open_store

STATES = ("CREATED", "RESERVED", "PAID", "COMPLETED")


@pytest.fixture(scope="module")
def addresses(tmp_path_factory):
    """A PostgreSQL and a SQLite read model, both empty."""
    with cluster() as server:
        made = [
            parse_address(server.url(server.new_database())),
            parse_address(sqlite_url(tmp_path_factory.mktemp("model"))),
        ]
        for address in made:
            migrate(address)
        yield made


@pytest.fixture(scope="module")
def warehouse() -> DuckViews:
    return DuckViews(TABLES.values(), all_views())


@st.composite
def arrivals(draw):
    """Draw deliveries and rows of sagas, cut into transactions, some of which are written again by another process."""
    kinds = draw(st.lists(st.sampled_from(sorted(DATA)), min_size=1, max_size=14))
    deliveries = []
    for n, kind in enumerate(kinds):
        fact = Fact(event_uuid(f"e{n:02}"), kind, draw(times), draw(DATA[kind]))
        for copy in range(draw(st.integers(1, 3))):
            deliveries.append(Delivery(fact, f"m{n}-{copy}", at(1000 + copy), f"run-{draw(st.integers(1, 3))}"))
    sagas = [
        {
            "order_id": draw(st.sampled_from(["k1", "k2"])), "correlation_id": "flow", "state": STATES[version],
            "started_time": at(0), "updated_time": at(version), "deadline": draw(st.none() | times), "events": version,
            "alerts": draw(st.lists(st.sampled_from(["SAGA_STUCK", "SAGA_RECOVERED"]), max_size=2)),
            "version": version, "run_id": f"run-{number}",
        }
        for number, version in enumerate(draw(st.lists(st.integers(0, 3), max_size=5)))
    ]  # fmt: skip
    rows = draw(st.permutations([*deliveries, *sagas]))
    cuts = sorted(draw(st.lists(st.integers(0, len(rows)), max_size=4)))
    parts = [rows[a:b] for a, b in zip([0, *cuts], [*cuts, len(rows)], strict=True)]
    again = draw(st.lists(st.sampled_from(parts), max_size=2))
    return draw(st.permutations([*parts, *again]))


def check(addresses, warehouse, parts) -> None:
    rows = [row for part in parts for row in part]
    warehouse.load(stored([r for r in rows if isinstance(r, Delivery)], [r for r in rows if isinstance(r, dict)]))
    expected = {resource: view_records(resource, warehouse.rows(find_view(view))) for resource, view in VIEW_OF.items()}
    for address in addresses:
        empty(address)
        for part in parts:
            store = open_store(address)  # a new process for each part
            store.apply(
                events_of([row for row in part if isinstance(row, Delivery)]),
                sagas_of([row for row in part if isinstance(row, dict)]),
            )
            store.close()
        found = {resource: without_hashes(records(address, resource)) for resource in VIEW_OF}
        for resource, wanted in expected.items():
            assert found[resource] == wanted, (address.dialect, resource.name)


def golden_parts():
    facts = [replace(fact, event_id=event_uuid(fact.event_id)) for fact in FACTS]
    deliveries = [Delivery(fact, f"m{fact.event_id}", at(1000)) for fact in facts if fact.data.get("order_id") != ""]
    middle = len(deliveries) // 2
    return [
        [*deliveries[middle:], *SAGAS[:2]],
        [*deliveries[:middle], *SAGAS[2:]],
        [*deliveries[middle - 3 : middle + 3]],
    ]


@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(arrivals())
@example(golden_parts())
def test_postgresql_and_sqlite_equal_the_views_for_any_arrival(addresses, warehouse, parts):
    check(addresses, warehouse, parts)


def test_of_two_contents_under_one_event_id_the_first_that_arrives_counts_whole(addresses):
    """Deduplication makes a dead letter of the second; one that comes after its horizon must not be half applied."""
    facts = {fact.event_id: fact for fact in FACTS}
    first, second = facts["02"], CONFLICTS[0]
    made = [Delivery(replace(fact, event_id=event_uuid("02")), "m", at(1000)) for fact in (first, second)]
    for address in addresses:
        empty(address)
        store = open_store(address)
        store.apply(events_of(made[:1]), [])
        before = {resource: records(address, resource) for resource in VIEW_OF}
        store.apply(events_of(made[1:]), [])
        assert {resource: records(address, resource) for resource in VIEW_OF} == before
        store.close()
