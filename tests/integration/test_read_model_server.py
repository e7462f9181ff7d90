"""A read model on a PostgreSQL server: grants, ended sessions, TLS, and Cloud SQL's connector."""

import threading
import time

import psycopg
import pytest

from pipelines.read_model.migrate import migrate
from pipelines.read_model.session import open_session
from pipelines.read_model.swap import building, swap
from schemas.outcomes import Code
from schemas.read_model.address import parse_address
from schemas.read_model.select import ORDER_ROWS, STOCK_ROWS
from tests.support.deliveries import Delivery, Fact, at
from tests.support.postgres import cluster
from tests.support.read_model_writers import history, write
from tests.support.read_models import event_uuid, events_of, records, sagas_of
from transforms.sinks.bigquery.backoff import RetryBudget
from transforms.sinks.read_model import connect as connections
from transforms.sinks.read_model.deliver import deliver
from transforms.sinks.read_model.opened import open_store


@pytest.fixture(scope="module")
def server():
    with cluster() as running:
        yield running


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


def load(address, namespace: str, deliveries, number: int | None) -> None:
    made, sagas = marks(number) if number is not None else ([], [])
    store = open_store(address)
    store.load(namespace, events_of([*deliveries, *made]), sagas_of(sagas))
    store.close()


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
