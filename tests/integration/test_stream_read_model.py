"""A streaming run that writes the read model: killed, without its database for a while, and continued. It equals the views."""

import random
import time

import psycopg
import pytest

from schemas.read_model.address import parse_address
from tests.support.live import finish, kill, need_prism_program, simulated, start_stream, wait_until_running
from tests.support.postgres import cluster
from tests.support.read_models import VIEW_OF, assert_follows, records, sqlite_url
from tests.support.runs import query

IDLE = ("--stop_after_idle", "4")
pytestmark = pytest.mark.full


@pytest.fixture(scope="module", autouse=True)
def prism():
    return need_prism_program()


@pytest.fixture(scope="module")
def server():
    with cluster() as running:
        yield running


@pytest.mark.parametrize("kind", ["postgresql", "sqlite"])
def test_a_killed_run_is_continued_and_the_read_model_equals_the_views(bus, tmp_path, server, kind):
    url = server.url(server.new_database()) if kind == "postgresql" else sqlite_url(tmp_path)
    messages = simulated(tmp_path / "sim", 2400)
    random.Random(5).shuffle(messages)
    messages += random.Random(6).sample(messages, 200)
    output, words = tmp_path / "out", ("--read_model", url)
    process = start_stream(bus, output, *words)
    wait_until_running(process, output)
    bus.publish(messages[:1500])
    time.sleep(random.Random(kind).uniform(2, 5))
    kill(process)
    bus.publish(messages[1500:])
    finish(start_stream(bus, output, *words, *IDLE), output)
    assert_follows(parse_address(url), output)
    before = {resource: records(parse_address(url), resource) for resource in VIEW_OF}
    finish(start_stream(bus, output, *words, *IDLE), output)  # a start with nothing new changes nothing
    assert {resource: records(parse_address(url), resource) for resource in VIEW_OF} == before


def test_a_database_that_is_away_is_waited_for(bus, tmp_path, server):
    database = server.new_database()
    url = server.url(database)
    output = tmp_path / "out"
    process = start_stream(bus, output, "--read_model", url, *IDLE[:1], "15")
    wait_until_running(process, output)
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS false')
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (database,))
        bus.publish(simulated(tmp_path / "sim", 800, "--dirty", "0"))
        time.sleep(6)
        connection.execute(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS true')
    finish(process, output)
    assert query(output, "select count(*) from event_store.dead_letters where stage = 'sink'") == [(0,)]
    assert_follows(parse_address(url), output)


def test_a_database_that_stays_away_costs_dead_letters_and_the_exit_code(bus, tmp_path, server):
    database = server.new_database()
    output = tmp_path / "out"
    process = start_stream(bus, output, "--read_model", server.url(database), "--sink_retry_budget", "2", *IDLE)
    wait_until_running(process, output)
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS false')
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (database,))
    bus.publish(simulated(tmp_path / "sim", 300, "--dirty", "0", "--duplicates", "0"))
    try:
        assert process.wait(120) == 1, (output / "stream.log").read_text()[-2000:]
    finally:
        kill(process)
    letters = "select count(*) from event_store.dead_letters where table_name like 'read_model.%' and error_code = 'SINK_EXHAUSTED'"
    assert query(output, letters)[0][0] > 100
    log = (output / "stream.log").read_text()
    assert "read_model" in log
    assert query(output, "select count(*) from event_store.events")[0][0] == 300  # BigQuery has them all
