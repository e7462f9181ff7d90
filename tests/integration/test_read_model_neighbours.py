"""Several writers of the same rows, a rebuild beside readers and writers, and a server that ends sessions."""

import random
import threading
import time

import psycopg
import pytest

from pipelines.errors import RunFailed
from pipelines.read_model.migrate import migrate
from pipelines.read_model.session import open_session
from pipelines.read_model.swap import building, swap
from schemas.outcomes import Code
from schemas.read_model.address import parse_address
from schemas.read_model.dialects import DIALECTS
from schemas.read_model.select import CUSTOMER_ROWS, ORDER_ROWS, STOCK_ROWS, record, select
from services.api.data.reader import PostgresRows, SqliteRows
from tests.support.deliveries import Delivery, Fact, at
from tests.support.postgres import cluster
from tests.support.read_models import event_uuid, events_of, records, sagas_of, sqlite_url
from transforms.sinks.bigquery.backoff import RetryBudget
from transforms.sinks.read_model import connect as connections
from transforms.sinks.read_model.deliver import deliver
from transforms.sinks.read_model.opened import open_store

ORDERS = [f"o{number}" for number in range(12)]
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


def history(count: int, seed: int) -> list[Delivery]:
    """Return events of few orders, customers and articles, in random order."""
    draw, made = random.Random(seed), []
    for number in range(count):
        kind = draw.choice(
            ["order.created", "order.updated", "customer.updated", "inventory.reserved", "payment.processed"]
        )
        order, moment = draw.choice(ORDERS), at(draw.randrange(1000))
        data = {
            "order.created": {"order_id": order, "customer_id": "c1", "items": [_line(draw)], "status": f"s{number}"},
            "order.updated": {"order_id": order, "status": f"s{number}", "items": [_line(draw) for _ in range(draw.randrange(3))]},
            "customer.updated": {"customer_id": draw.choice("ab"), "country": f"x{number}"},
            "inventory.reserved": {"sku": draw.choice("pq"), "quantity": 1, "warehouse_id": draw.choice("vw")},
            "payment.processed": {"payment_id": f"p{number}", "order_id": order, "amount": 1, "currency": "EUR"},
        }[kind]  # fmt: skip
        made.append(Delivery(Fact(event_uuid(f"{number:06}"), kind, moment, data), f"m{number}", moment))
    return made


def _line(draw: random.Random) -> dict:
    return {"sku": draw.choice("abc"), "quantity": draw.randrange(1, 9), "unit_price": None}


def write(address, deliveries, failures) -> None:
    store = open_store(address)
    try:
        for start in range(0, len(deliveries), 20):
            lost = deliver(store, events_of(deliveries[start : start + 20]), [], RetryBudget(30))
            failures += [part.reason for part in lost]
    finally:
        store.close()


def in_threads(*jobs) -> None:
    threads = [threading.Thread(target=job, daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive()


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


def test_a_role_that_reads_keeps_its_grants_through_a_rebuild(server):
    database = server.new_database()
    made = parse_address(server.url(database))
    migrate(made)
    with psycopg.connect(server.url(database), autocommit=True) as connection:
        connection.execute("CREATE ROLE api_reader LOGIN")
        connection.execute("GRANT USAGE ON SCHEMA read_model TO api_reader")
        connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA read_model TO api_reader")
    with open_session(made) as session, building(session) as namespace:
        load(made, namespace, history(30, seed=3), 1)
        swap(session, namespace)
    reader = parse_address(server.url(database, user="api_reader"))
    assert len(records(reader, ORDER_ROWS)) > 3
    with pytest.raises(psycopg.errors.InsufficientPrivilege), psycopg.connect(reader.conninfo) as connection:
        connection.execute("DELETE FROM read_model.orders")


def test_a_session_that_the_server_ends_is_opened_again_and_nothing_is_lost(server):
    database = server.new_database()
    made = parse_address(server.url(database))
    migrate(made)
    deliveries, failures, stop = history(300, seed=5), [], threading.Event()

    def end_sessions() -> None:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            while not stop.is_set():
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (database,)
                )
                time.sleep(0.15)

    killer = threading.Thread(target=end_sessions, daemon=True)
    killer.start()
    write(made, deliveries, failures)
    stop.set()
    killer.join(10)
    assert failures == []
    assert len(records(made, STOCK_ROWS)) == 4
    total = sum(row["reserved"] for row in records(made, STOCK_ROWS))
    assert total == sum(one.fact.event_type == "inventory.reserved" for one in deliveries)


def test_a_store_that_stays_away_gives_undelivered_rows_after_the_budget():
    store = open_store(parse_address("postgresql://nobody:sesame@127.0.0.1:1/none?connect_timeout=1"))
    [lost] = deliver(store, events_of(history(3, seed=6)), [], RetryBudget(0.3))
    assert (lost.code, len(lost.events)) == (Code.SINK_EXHAUSTED, 3)
    assert lost.attempts > 1
    assert "sesame" not in lost.reason


def test_tls_is_verified_unless_the_address_says_otherwise(server):
    database = server.new_database()
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("CREATE ROLE tls_user LOGIN PASSWORD 'sesame-18'")
    right = server.tls_url(
        database, "tls_user", "sesame-18", sslmode="verify-full", sslrootcert=f"{server.folder}/ca.crt"
    )
    with connections.connect(parse_address(right)) as connection:
        [(version,)] = connection.execute("SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchall()
    assert version == "TLSv1.3"
    wrong = server.tls_url(database, "tls_user", "sesame-18", sslmode="verify-full", sslrootcert="system")
    with pytest.raises(psycopg.OperationalError, match="certificate verify failed"):
        connections.connect(parse_address(wrong))
    assert "sslmode=verify-full" in parse_address("postgresql://u@db.example/d").conninfo
    assert "sslmode" not in parse_address("postgresql://u@127.0.0.1/d").conninfo


def test_cloud_sql_is_reached_by_iam_through_googles_connector(server, monkeypatch):
    """Google's service is not here: the connector's call is recorded, and answered by a real server."""
    import google.cloud.sql.connector as google

    database, calls = server.new_database(), []

    class Recorder:
        def __init__(self, **settings) -> None:
            calls.append(settings)

        def connect(self, instance: str, driver: str, **settings):
            calls.append((instance, driver, settings))
            return psycopg.connect(server.url(database), options=settings["options"])

    monkeypatch.setattr(google, "Connector", Recorder)
    monkeypatch.setattr(connections, "_connector", None)
    made = parse_address(
        "postgresql://api@p.iam@/db?cloud_sql=p:europe-west1:i&ip_type=private".replace("api@p", "api%40p")
    )
    with connections.connect(made) as connection:
        assert connection.execute("SHOW timezone").fetchall() == [("UTC",)]
    instance, driver, settings = calls[1]
    assert (instance, driver) == ("p:europe-west1:i", "psycopg")
    assert settings["enable_iam_auth"] is True
    assert (settings["user"], settings["db"], settings["ip_type"]) == ("api@p.iam", "db", "private")
    assert "password" not in settings
