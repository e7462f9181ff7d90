"""Several writers, readers and rebuilds on one read model."""

import random
import threading
import time

import pytest

from pipelines.errors import RunFailed
from pipelines.read_model.migrate import migrate
from pipelines.read_model.session import open_session
from pipelines.read_model.swap import building, swap
from schemas.read_model.address import parse_address
from schemas.read_model.dialects import DIALECTS
from schemas.read_model.select import CUSTOMER_ROWS, ORDER_ROWS, STOCK_ROWS, record, select
from services.api.data.reader import PostgresRows, SqliteRows
from tests.support.deliveries import Delivery, Fact, at
from tests.support.postgres import cluster
from tests.support.read_model_writers import history, in_threads, write
from tests.support.read_models import event_uuid, events_of, records, sagas_of, sqlite_url
from transforms.sinks.read_model.opened import open_store

CHECKED = (ORDER_ROWS, CUSTOMER_ROWS, STOCK_ROWS)


@pytest.fixture(scope="module")
def server():
    with cluster() as running:
        yield running


@pytest.fixture(params=["postgresql", "sqlite"])
def address(request, tmp_path):
    url = sqlite_url(tmp_path) if request.param == "sqlite" else None
    if url is None:
        running = request.getfixturevalue("server")
        url = running.url(running.new_database())
    made = parse_address(url)
    migrate(made)
    return made


def snapshot(address):
    return {resource.name: records(address, resource) for resource in CHECKED}


def test_writers_of_the_same_rows_neither_deadlock_nor_lose_nor_double(address, tmp_path):
    deliveries = history(240, seed=1)
    alone = parse_address(sqlite_url(tmp_path, "alone.sqlite"))
    migrate(alone)
    failures: list[str] = []
    write(alone, deliveries, failures)
    shares = []
    for seed in range(4):  # each writes most events, in an order of its own: every event comes about three times
        share = deliveries[:]
        random.Random(seed).shuffle(share)
        shares.append(share[:180] if seed else share)
    in_threads(*(lambda share=share: write(address, share, failures) for share in shares))
    assert failures == []
    assert snapshot(address) == snapshot(alone)


def test_a_rebuild_beside_readers_and_a_writer_shows_no_mix_and_loses_no_event(address, tmp_path):
    """Every build has its number in all tables, so a reader that sees two numbers has seen a mix."""
    early, late = history(60, seed=2), history(400, seed=2)[60:]
    build(address, early, 0)
    stop, mixes, failures, seen = threading.Event(), [], [], set()

    def read() -> None:
        rows = PostgresRows(address, 2) if address.dialect == "postgresql" else SqliteRows(address)
        query = select(ORDER_ROWS, DIALECTS[address.dialect], address.namespace, equal={}, limit=100)
        try:
            while not stop.is_set():
                found = [record(ORDER_ROWS, row) for row in rows.fetch(query)]
                marks = {cell for row in found if row["order_id"].startswith("mark") for cell in (
                    row["status"], row["state"], *(item["sku"] for item in row["items"]))}  # fmt: skip
                seen.update(marks)
                if len(marks) != 1 or sum(row["order_id"].startswith("mark") for row in found) != 3:
                    mixes.append(marks)
        except Exception as error:  # a reader must never see an error either
            mixes.append(error)
        finally:
            rows.close()

    def write_late() -> None:
        for start in range(0, len(late), 10):
            write(address, late[start : start + 10], failures)
            time.sleep(0.02)

    def rebuild() -> None:
        try:
            for number in range(1, 6):
                with open_session(address) as session, building(session) as namespace:
                    load(address, namespace, early, number)
                    known = {row[0] for row in session.rows(f"SELECT event_id FROM {session.table('applied_events')}")}
                    wanted = [one for one in late if _known(one, known)]
                    load(address, namespace, wanted, None)  # what was written before the writers knew of the namespace
                    swap(session, namespace)
        finally:
            stop.set()

    readers = [threading.Thread(target=read, daemon=True) for _ in range(3)]
    for reader in readers:
        reader.start()
    in_threads(write_late, rebuild)
    for reader in readers:
        reader.join(30)
    assert failures == []
    assert mixes == []
    assert len(seen) >= 3
    whole = parse_address(sqlite_url(tmp_path, "whole.sqlite"))
    migrate(whole)
    build(whole, [*early, *late], 5)
    assert snapshot(address) == snapshot(whole)


def _known(delivery: Delivery, known: set) -> bool:
    return delivery.fact.event_id in {str(event_id) for event_id in known}


def marks(number: int) -> tuple[list[Delivery], list[dict]]:
    """Return three orders whose rows, lines and sagas hold the number of a build."""
    deliveries, sagas = [], []
    for order in range(3):
        line = {"sku": f"n{number}", "quantity": 1, "unit_price": None}
        data = {"order_id": f"mark{order}", "customer_id": "c", "status": f"n{number}", "items": [line]}
        fact = Fact(event_uuid(f"mark{order}"), "order.created", at(0), data)
        deliveries.append(Delivery(fact, "m", at(0)))
        sagas.append({
            "order_id": f"mark{order}", "correlation_id": "flow", "state": f"n{number}", "started_time": at(0),
            "updated_time": at(0), "deadline": None, "events": 1, "alerts": [], "version": 1, "run_id": "run",
        })  # fmt: skip
    return deliveries, sagas


def build(address, deliveries, number: int) -> None:
    made, sagas = marks(number)
    store = open_store(address)
    store.apply(events_of([*deliveries, *made]), sagas_of(sagas))
    store.close()


def load(address, namespace: str, deliveries, number: int | None) -> None:
    made, sagas = marks(number) if number is not None else ([], [])
    store = open_store(address)
    store.load(namespace, events_of([*deliveries, *made]), sagas_of(sagas))
    store.close()


def test_a_rebuild_that_fails_leaves_the_live_tables_and_nothing_else(address):
    build(address, history(30, seed=3), 0)
    before = snapshot(address)
    namespaces = []

    def fail() -> None:
        with open_session(address) as session, building(session) as namespace:
            namespaces.append(namespace)
            load(address, namespace, history(10, seed=4), 1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert snapshot(address) == before
    with open_session(address) as session:
        assert session.columns(namespaces[0]) == {}
        assert session.rows(f"SELECT namespace FROM {session.control('building')}") == []


def test_only_one_rebuild_runs_at_a_time(server):
    made = parse_address(server.url(server.new_database()))
    migrate(made)

    def second() -> None:
        with open_session(made) as session, building(session):
            pass

    with open_session(made) as session, building(session), pytest.raises(RunFailed, match="another rebuild is running"):
        second()
    second()
