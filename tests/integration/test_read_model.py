"""The read model beside a store: `local`, `replay` and `provision` with `--read_model`, in PostgreSQL and in SQLite."""

import json
import shutil
from pathlib import Path

import psycopg
import pytest

from pipelines.read_model.apply import STREAM
from pipelines.read_model.session import open_session
from schemas.read_model.address import parse_address
from tests.support.command import run_command
from tests.support.events import make_event, message_line, with_data
from tests.support.postgres import cluster
from tests.support.read_models import assert_follows, records, sqlite_url
from tests.support.runs import query, write_messages
from tests.support.stores import ALL_TIME, lose

ROWS = "select count(*) from event_store.dead_letters where stage = 'sink' and table_name like 'read_model.%'"


@pytest.fixture(scope="module")
def server():
    with cluster() as running:
        yield running


@pytest.fixture(scope="module")
def simulated(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("simulated")
    assert run_command("simulate", "--output", folder, "--events", "1500", "--seed", "5")[0] == 0
    return folder


@pytest.fixture(scope="module")
def finished(simulated, server, tmp_path_factory):
    """A store whose run wrote a PostgreSQL read model by a role with a password."""
    output, database = tmp_path_factory.mktemp("finished") / "out", server.new_database()
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("CREATE ROLE writer LOGIN PASSWORD 'sesame-17'")
        connection.execute(f'GRANT ALL ON DATABASE "{database}" TO writer')
    url = server.tls_url(database, "writer", "sesame-17", sslmode="verify-full", sslrootcert=f"{server.folder}/ca.crt")
    code, out, err = run_command("local", "--input", simulated, "--output", output, "--read_model", url)
    assert code == 0, err
    return output, url, out + err


def test_a_run_writes_what_the_views_say_and_nothing_shows_the_password(finished):
    output, url, printed = finished
    assert_follows(parse_address(url), output)
    summary = (output / "summary.json").read_text()
    assert json.loads(summary)["read_model"]["rows"] > 1000
    configuration = str(query(output, "select configuration from event_store.runs"))
    for text in (printed, summary, (output / "report.html").read_text(), configuration):
        assert "sesame-17" not in text
    assert "writer@localhost" in summary
    assert "writer@localhost" in configuration


def test_a_second_run_adds_to_the_read_model_and_a_repeated_one_changes_nothing(simulated, tmp_path):
    output, url = tmp_path / "out", sqlite_url(tmp_path)
    more = tmp_path / "more"
    assert run_command("simulate", "--output", more, "--events", "400", "--seed", "6")[0] == 0
    for given in (simulated, more, simulated):
        words = ["--append"] if output.exists() else []
        code, _, err = run_command("local", "--input", given, "--output", output, "--read_model", url, *words)
        assert code == 0, err
        assert_follows(parse_address(url), output)


def test_sagas_that_a_killed_stream_wrote_here_alone_give_way_to_those_of_the_store(simulated, tmp_path):
    output, url = tmp_path / "out", sqlite_url(tmp_path)
    more = tmp_path / "more"
    assert run_command("simulate", "--output", more, "--events", "100", "--seed", "6")[0] == 0
    assert run_command("local", "--input", simulated, "--output", output, "--read_model", url)[0] == 0
    with open_session(parse_address(url)) as session:
        sagas = session.table("order_sagas")
        session.rows(f"INSERT INTO {session.control('settings')} (name, value) VALUES ('{STREAM}killed', 'RUNNING')")
        session.rows(f"UPDATE {sagas} SET state = 'STUCK', version = version + 1, run_id = 'killed'")
    words = ["--append", "--read_model", url]
    assert run_command("local", "--input", more, "--output", output, *words)[0] == 0
    assert_follows(parse_address(url), output)


def test_a_read_model_that_is_added_later_gets_what_earlier_runs_stored(finished, simulated, tmp_path, server):
    output = Path(shutil.copytree(finished[0], tmp_path / "out"))
    for url in (server.url(server.new_database()), sqlite_url(tmp_path)):
        code, _, err = run_command("replay", "--output", output, "--mode", "backfill", *ALL_TIME, "--read_model", url)
        assert code == 0, err
        assert_follows(parse_address(url), output)


@pytest.mark.parametrize("kind", ["postgresql", "sqlite"])
def test_a_rebuild_puts_new_tables_in_the_place_of_wrong_ones(finished, tmp_path, server, kind):
    output = Path(shutil.copytree(finished[0], tmp_path / "out"))
    url = server.url(server.new_database()) if kind == "postgresql" else sqlite_url(tmp_path)
    address = parse_address(url)
    rebuild = ("replay", "--output", output, "--mode", "rebuild", *ALL_TIME, "--read_model", url)
    assert run_command(*rebuild)[0] == 0
    assert_follows(address, output)
    lose(output, "publish_time >= '2026-01-01T10:00:00Z'")  # events that the store lacks and the read model has
    before = len(records(address, _orders()))
    code, _, err = run_command("replay", "--output", output, "--mode", "rebuild", "--source", "events", *ALL_TIME,
                               "--read_model", url)  # fmt: skip
    assert code == 0, err
    assert len(records(address, _orders())) < before
    assert_follows(address, output)


def _orders():
    from schemas.read_model.select import ORDER_ROWS

    return ORDER_ROWS


def test_a_text_that_postgresql_cannot_hold_is_a_dead_letter_in_both_stores(tmp_path, server):
    lines = [
        message_line("orders", 1, json.dumps(with_data("order.updated", status="a\x00b")).encode(), "2026-03-01T12:00:00Z"),
        message_line("customers", 2, json.dumps(make_event("customer.updated", eventId=_id(2))).encode(), "2026-03-01T12:00:00Z"),
    ]  # fmt: skip
    given = write_messages(tmp_path / "in" / "messages.ndjson", lines)
    for number, url in enumerate((server.url(server.new_database()), sqlite_url(tmp_path))):
        output = tmp_path / f"out{number}"
        code, _, err = run_command("local", "--input", given, "--output", output, "--read_model", url)
        assert code == 1
        assert "undelivered rows: read_model 1" in err
        assert query(output, ROWS) == [(1,)]
        [(table, column, reason)] = query(
            output, "select table_name, column_name, error_message from event_store.dead_letters where stage = 'sink'"
        )
        assert (table, column) == ("read_model.orders", "status")
        assert "U+0000" in reason


def _id(number: int) -> str:
    return f"3f1c9a52-7d44-4c1b-9f65-0a1b2c3d4e{number:02x}"


def test_a_read_model_of_another_store_is_refused_before_anything_is_read(finished, simulated, tmp_path):
    _, url, _ = finished
    code, _, err = run_command("local", "--input", simulated, "--output", tmp_path / "other", "--read_model", url)
    assert code == 2
    assert "follows the store" in err
    assert "sesame-17" not in err


@pytest.mark.parametrize(
    ("url", "code", "words"),
    [
        ("mysql://h/d", 2, "must be postgresql://USER@HOST/DATABASE or sqlite:///FILE"),
        ("postgresql://u:sesame@127.0.0.1:1/d", 1, "is not reached"),
        ("postgresql://u:sesame@h/d?schema=a;b", 2, "must be lower-case letters"),
        ("postgresql://u:sesame@h/d?sslmode=maybe", 2, "sslmode=maybe: must be one of"),
        ("postgresql://u@h/d?password=sesame", 2, "the parameter password is not accepted"),
        ("sqlite:///", 2, "must be sqlite:///FILE"),
        ("sqlite:////proc/none/model", 1, "--read_model"),
    ],
)
def test_an_address_that_cannot_be_used_is_one_line_without_the_password(simulated, tmp_path, url, code, words):
    done, _, err = run_command("local", "--input", simulated, "--output", tmp_path / "out", "--read_model", url)
    assert done == code
    assert words in err
    assert "sesame" not in err
    assert "Traceback" not in err


def test_a_misspelt_option_is_printed_without_the_password(tmp_path):
    code, _, err = run_command(
        "local", "--input", tmp_path, "--output", tmp_path, "--read_modl", "postgresql://u:sesame@h/d"
    )
    assert code == 2
    assert "sesame" not in err


@pytest.mark.parametrize("kind", ["postgresql", "sqlite"])
def test_provision_creates_the_tables_once_and_adds_what_is_missing(tmp_path, server, kind):
    url = server.url(server.new_database()) if kind == "postgresql" else sqlite_url(tmp_path)
    code, out, _ = run_command("provision", "--read_model", url, "--dry_run")
    assert (code, "CREATE TABLE" in out) == (0, True)
    assert "CREATE TABLE" in run_command("provision", "--read_model", url)[1]
    assert "is up to date" in run_command("provision", "--read_model", url)[1]
    _statement(url, "ALTER TABLE {}customers DROP COLUMN phone_hmac")
    _statement(url, "DROP INDEX {}orders_by_status")
    code, out, _ = run_command("provision", "--read_model", url)
    assert code == 0
    assert "ADD COLUMN phone_hmac" in out
    assert "orders_by_status" in out
    assert "is up to date" in run_command("provision", "--read_model", url)[1]


def test_provision_refuses_a_column_of_another_type(server):
    url = server.url(server.new_database())
    run_command("provision", "--read_model", url)
    _statement(url, "ALTER TABLE {}orders ALTER COLUMN total_amount TYPE text")
    code, _, err = run_command("provision", "--read_model", url)
    assert code == 2
    assert "orders.total_amount is text, not numeric" in err


def _statement(url: str, sql: str) -> None:
    address = parse_address(url)
    if address.dialect == "sqlite":
        import sqlite3

        connection = sqlite3.connect(address.path)
        connection.execute(sql.format(""))
        connection.commit()
        connection.close()
        return
    with psycopg.connect(address.conninfo, autocommit=True) as connection:
        connection.execute(sql.format("read_model."))


def test_forget_deletes_the_customer_of_the_read_model_too(finished, tmp_path, server):
    output, url = Path(shutil.copytree(finished[0], tmp_path / "out")), server.url(server.new_database())
    assert run_command("replay", "--output", output, "--mode", "backfill", *ALL_TIME, "--read_model", url)[0] == 0
    [(customer,)] = query(output, "select min(customer_id) from analytics.customer_current")
    code, _, err = run_command("forget", "--output", output, "--customer", customer, "--yes", "--read_model", url)
    assert code == 0, err
    assert_follows(parse_address(url), output)
    code, _, err = run_command("replay", "--output", output, "--mode", "rebuild", *ALL_TIME, "--read_model", url)
    assert code == 0, err
    assert_follows(parse_address(url), output)
