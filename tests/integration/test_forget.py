"""`forget` on what a local run left: listed first, then gone from tables and files, and everything else as it was."""

import base64
import json
import shutil

import pytest

from pipelines.cli.main import main
from pipelines.stores.open_stores import open_stores
from pipelines.stores.target import Target
from schemas.tables.definitions import TABLES
from schemas.views import all_views
from tests.support.forgotten import (
    SECRET,
    WHO,
    archived,
    finished_run,
    forget,
    lake_bytes,
    nothing_is_stored,
    pending,
    records,
)
from tests.support.stored_bytes import stored_bytes


@pytest.fixture
def output(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "out")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return finished_run(tmp_path_factory.mktemp("finished"))


def state(output):
    """Return every row of every table and view, without what forgetting is meant to change."""
    found = {}
    with open_stores(Target.local(output)) as endpoints:
        for item in [*TABLES.values(), *all_views()]:
            rows = endpoints.bigquery.query(f"SELECT * FROM {item.dataset}.{item.name}").result()
            found[f"{item.dataset}.{item.name}"] = sorted(repr(sorted(row.items())) for row in rows)
    return found


def test_listing_counts_what_is_held_and_changes_nothing(output, capsys):
    before, files = state(output), lake_bytes(output)
    capsys.readouterr()
    assert forget(output) == 0
    listed = capsys.readouterr().out
    assert "2 rows     event_store.events" in listed
    assert "2 rows     analytics.customer_events" in listed
    assert "5 rows     event_store.dead_letters" in listed
    assert "1 order events name the customer's id and are kept" in listed
    assert "1 of them carry fields that the contract does not know" in listed
    assert "nothing was changed; --yes deletes what is listed" in listed
    assert (state(output), lake_bytes(output)) == (before, files)


def test_a_person_goes_and_everything_else_stays(output, capsys):
    before = state(output)
    assert forget(output, "--yes", "--request", "DSR-17") == 0
    after = state(output)
    gone = {name: len(rows) - len(after[name]) for name, rows in before.items() if rows != after[name]}
    assert {name: count for name, count in gone.items() if name.split(".")[1] in TABLES} == {
        "event_store.events": 2,
        "analytics.customer_events": 2,
        "event_store.dead_letters": 5,
        "event_store.runs": -2,  # the run record of the deletion: RUNNING and DONE
    }
    recorded = after.pop("event_store.runs")
    assert WHO not in "".join(recorded)
    assert all(
        set(after[name]) <= set(rows) for name, rows in before.items() if name in after and name.split(".")[1] in TABLES
    )
    assert len(after["analytics.customer_current"]) == 1
    assert after["analytics.order_current"] == before["analytics.order_current"]
    # In the files too: not in clear, and not in what is packed into a dead letter or an archive record.
    capsys.readouterr()
    assert forget(output) == 0
    assert "nothing is stored of this customer" in capsys.readouterr().out
    assert SECRET.encode() not in lake_bytes(output)
    assert base64.b64encode(SECRET.encode())[:-4] not in lake_bytes(output)
    # The other messages are still in the archive, and every manifest names whole files.
    assert archived(output) == sorted(["3", "4", "7"])


def test_the_record_names_the_action_and_not_the_person(output):
    assert forget(output, "--yes", "--request", "DSR-17") == 0
    [path] = (output / "lake" / "forgotten").iterdir()
    record = json.loads(path.read_text())
    assert (record["complete"], record["request"], record["order_events_kept"]) == (True, "DSR-17", 1)
    assert record["rows"] == {
        "event_store.events": 2,
        "analytics.customer_events": 2,
        "event_store.dead_letters": 5,
    }
    assert sum(file["records"] for file in record["files"] if file["file"].startswith("archive/")) == 7
    assert WHO not in path.read_text()


def test_the_warehouse_file_does_not_keep_deleted_rows(output):
    warehouse = output / "warehouse.duckdb"
    with open_stores(Target.local(output)) as endpoints:  # one page of text, long enough to be found
        endpoints.bigquery.query(
            f"UPDATE event_store.events SET source = '{SECRET}' WHERE entity_id = '{WHO}'"
        ).result()
    written = warehouse.read_bytes()
    assert forget(output, "--yes") == 0
    assert SECRET.encode() in written
    assert SECRET.encode() not in warehouse.read_bytes()


def test_superseded_files_open_segments_and_shadows_are_searched(output, capsys):
    hour = output / "lake" / "archive" / "customers" / "dt=2026-06-15" / "hour=13"
    [source] = hour.glob("[!_.]*.avro")
    superseded = output / "lake" / ".superseded" / "r" / "archive" / "customers" / "dt=2026-06-15" / "hour=13"
    shadow = output / "lake" / ".shadow" / "s" / "archive" / "customers" / "dt=2026-06-15" / "hour=13"
    copies = [
        superseded / "old.avro",
        shadow / "copy.avro",
        hour / "stranger.avro",
        hour / ".open-20260615T1300-00.avro",
    ]
    for path in copies:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(source.read_bytes())
    cut = hour / ".open-20260615T1301-00.avro"
    cut.write_bytes(source.read_bytes() + b"\x04\x08cut")
    empty = hour / ".open-20260615T1302-00.avro"
    empty.write_bytes(b"")
    assert forget(output, "--yes") == 0
    assert SECRET.encode() not in lake_bytes(output)
    kept = [path for path in (*copies, cut) if path.name.startswith(".open-")]
    assert all(path.exists() for path in (*kept, empty))
    assert all(b"other@example.org" in stored_bytes(path) for path in kept)
    assert nothing_is_stored(output, capsys)


def test_a_file_that_cannot_be_read_keeps_the_deletion_from_being_complete(output, capsys):
    damaged = output / "lake" / "archive" / "customers" / "dt=2026-06-15" / "hour=12" / "damaged.avro"
    damaged.write_bytes(b"Obj\x01 and no more")
    assert forget(output, "--yes") == 1
    shown = capsys.readouterr()
    assert "damaged.avro: cannot be read" in shown.err
    assert len(shown.err.splitlines()) == 1
    [record] = records(output)
    assert record["complete"] is False
    damaged.unlink()
    assert forget(output, "--yes") == 0
    assert records(output)[-1]["complete"] is True
    assert pending(output) == []


def test_a_shadow_is_searched_and_a_dead_replays_staging_is_dropped(output, capsys):
    options = ["--output", str(output), "--from", "2026-06-15T00:00:00Z", "--to", "2026-06-16T00:00:00Z"]
    assert main(["replay", *options, "--mode", "shadow", "--into", "shade"]) == 0
    with open_stores(Target.local(output)) as endpoints:
        assert counted(endpoints, "shade_store.events") == 2
    assert forget(output, "--yes") == 0
    with open_stores(Target.local(output)) as endpoints:
        assert counted(endpoints, "shade_store.events") == 0
    assert nothing_is_stored(output, capsys)


def counted(endpoints, table):
    sql = f"SELECT COUNT(*) AS n FROM {table} WHERE entity_id = '{WHO}'"
    return next(iter(endpoints.bigquery.query(sql).result())).n


def test_a_running_process_is_not_disturbed(output, capsys):
    with open_stores(Target.local(output)):
        assert forget(output, "--yes") == 2
    assert f"--output {output}: a running process holds its warehouse" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--customer", "no id"], "--customer no id: is not an id"),
        (["--customer", "C", "--request", "please forget me"], "--request please forget me: at most 64"),
    ],
)
def test_a_users_mistake_is_named(tmp_path, capsys, options, message):
    assert main(["forget", "--output", str(tmp_path), *options]) == 2
    assert message in capsys.readouterr().err


def test_every_table_that_holds_payloads_is_covered():
    payloads = {
        table.name for table in TABLES.values() if any(column.policy_tag == "payload" for column in table.columns)
    }
    assert payloads == {"events", "dead_letters"}, "teach pipelines/erasure/tables.py the new table"
