"""`forget` on what a local run left: listed first, then gone from tables and files, and everything else as it was."""

import base64
import gzip
import json
import shutil
import uuid

import pytest
from google.api_core.exceptions import GoogleAPICallError

from pipelines.cli.main import main
from pipelines.erasure.tables import Tables
from pipelines.stores.target import Target
from schemas.tables.definitions import TABLES
from schemas.views import all_views
from tests.support.stored_bytes import stored_bytes
from transforms.sinks.files.manifests import newest, newest_files

WHO, OTHER = "CUST-1", "CUST-11"
SECRET = "ada.lovelace@example.org"


def envelope(number, event_type, data, **more):
    source = event_type.split(".")[0] + "-service"
    return {
        "eventId": str(uuid.UUID(int=number)),
        "eventType": event_type,
        "eventTime": f"2026-06-15T12:00:{number % 60:02d}Z",
        "source": source,
        "data": data,
        "metadata": {"correlationId": str(uuid.UUID(int=1))},
        **more,
    }


def message(number, topic, data, **attributes):
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return {
        "topic": topic,
        "messageId": str(number),
        "publishTime": f"2026-06-15T1{2 + number % 2}:01:00Z",
        "attributes": attributes,
        "data": base64.b64encode(raw).decode(),
    }


def person(number, who, secret):
    return envelope(number, "customer.updated", {"customerId": who, "email": secret, "country": "SE"})


ORDER = envelope(30, "order.created", {"orderId": "O-1", "customerId": WHO, "items": [], "shipTo": "x"})
MESSAGES = [
    message(1, "customers", person(1, WHO, SECRET)),
    message(2, "customers", person(2, WHO, SECRET)),
    message(1, "customers", person(1, WHO, SECRET)),  # delivered twice
    message(3, "customers", person(3, OTHER, "other@example.org")),
    message(4, "orders", ORDER),
    message(5, "orders", person(5, WHO, SECRET)),  # on the wrong topic: a dead letter
    message(6, "customers", gzip.compress(json.dumps(person(6, WHO, SECRET)).encode())),  # compressed: rejected
    message(7, "customers", person(7, OTHER, "x@example.org") | {"source": "nobody"}),  # another's dead letter
    message(8, "inventory", b"not json", customer=WHO),  # named in an attribute only
    message(9, "customers", person(9, WHO, SECRET)["data"]),  # no envelope
]


@pytest.fixture
def output(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "out")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    tmp_path = tmp_path_factory.mktemp("finished")
    source = tmp_path / "in"
    source.mkdir()
    torn = json.dumps(message(10, "customers", person(10, WHO, SECRET)))[:-20]  # no message at all
    lines = [*map(json.dumps, MESSAGES), torn]
    (source / "customers.jsonl").write_text("\n".join(lines) + "\n")
    out = tmp_path / "out"
    assert main(["local", "--input", str(source), "--output", str(out), "--pii_key_file", str(key(tmp_path))]) == 0
    return out


def key(folder):
    path = folder / "key"
    path.write_text("0123456789abcdef" * 2)
    return path


def state(output):
    """Return every row of every table and view, without what forgetting is meant to change."""
    found = {}
    with Target.local(output).open() as endpoints:
        for item in [*TABLES.values(), *all_views()]:
            rows = endpoints.bigquery.query(f"SELECT * FROM {item.dataset}.{item.name}").result()
            found[f"{item.dataset}.{item.name}"] = sorted(repr(sorted(row.items())) for row in rows)
    return found


def lake_bytes(output):
    return b"".join(stored_bytes(path) for path in sorted((output / "lake").rglob("*")) if path.is_file())


def forget(output, *more):
    return main(["forget", "--output", str(output), "--customer", WHO, *more])


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


def archived(output):
    import fastavro

    found, named = [], 0
    root = output / "lake"
    for folder in sorted({path.parent for path in root.glob("archive/*/dt=*/hour=*/*.json")}):
        feed, partition = folder.relative_to(root).as_posix().split("/dt=")
        manifest = newest(str(root), feed, f"dt={partition}")
        for entry, path in zip(manifest["files"], newest_files(str(root), feed, [f"dt={partition}"]), strict=True):
            with open(path, "rb") as file:
                records = list(fastavro.reader(file))
            assert len(records) == entry["rows"]
            named += 1
            found += [record["message_id"] for record in records]
    assert len(list(root.glob("archive/*/dt=*/hour=*/[!_.]*"))) == named, "a plain reader sees what manifests name"
    return sorted(found)


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
    with Target.local(output).open() as endpoints:  # one page of text, long enough to be found
        endpoints.bigquery.query(
            f"UPDATE event_store.events SET source = '{SECRET}' WHERE entity_id = '{WHO}'"
        ).result()
    written = warehouse.read_bytes()
    assert forget(output, "--yes") == 0
    assert SECRET.encode() in written
    assert SECRET.encode() not in warehouse.read_bytes()


def nothing_is_stored(output, capsys):
    capsys.readouterr()
    assert forget(output) == 0
    return "nothing is stored of this customer" in capsys.readouterr().out


def records(output):
    return [json.loads(path.read_text()) for path in sorted((output / "lake" / "forgotten").glob("[!.]*"))]


def pending(output):
    return list((output / "lake" / "forgotten").glob(".pending-*"))


def test_a_rejected_statement_leaves_the_deletion_to_the_next_run(output, monkeypatch, capsys):
    def fails(self, holding):
        raise GoogleAPICallError("quota")

    with monkeypatch.context() as patch:
        patch.setattr(Tables, "delete", fails)
        assert forget(output, "--yes") == 1
    assert "the next `forget` deletes what is left" in capsys.readouterr().err
    assert records(output) == []
    [journal] = pending(output)
    assert journal.stat().st_mode & 0o777 == 0o600
    assert forget(output, "--yes") == 0
    [record] = records(output)
    assert record["complete"] is True
    assert record["rows"]["event_store.events"] == 2
    assert pending(output) == []
    assert nothing_is_stored(output, capsys)


class Killed(BaseException):
    pass


def dies(*args, **more):
    raise Killed


KILLS = {
    "before-a-file-is-deleted": "transforms.sinks.files.publish.FileSystems.delete",
    "before-rows-are-deleted": "pipelines.erasure.tables.Tables.delete",
    "before-compaction": "pipelines.erasure.forget.compact",
    "within-compaction": "pipelines.erasure.compact_warehouse.os.fsync",
    "before-the-record": "pipelines.erasure.journal.Journal.finish",
}


@pytest.mark.parametrize("who", [WHO, "CUST-999"], ids=["same-customer", "another-customer"])
@pytest.mark.parametrize("where", KILLS.values(), ids=KILLS)
def test_a_killed_run_is_finished_by_the_next(output, monkeypatch, capsys, where, who):
    before = archived(output)
    with monkeypatch.context() as patch:
        patch.setattr(where, dies)
        with pytest.raises(Killed):
            forget(output, "--yes")
    assert len(pending(output)) == 1
    capsys.readouterr()
    assert main(["forget", "--output", str(output), "--customer", who, "--yes"]) == 0
    assert "deleted; the record is" in capsys.readouterr().out
    [record] = records(output)
    assert (record["complete"], record["left"]) == (True, [])
    assert pending(output) == []
    assert archived(output) == sorted(set(before) - {"1", "2", "5", "6", "8", "9"})
    assert nothing_is_stored(output, capsys)
    everything = b"".join(stored_bytes(path) for path in sorted(output.rglob("*")) if path.is_file())
    assert SECRET.encode() not in everything
    assert not list(output.glob("warehouse.duckdb.*"))


def test_what_killed_runs_left_is_removed(output):
    hour = output / "lake" / "archive" / "customers" / "dt=2026-06-15" / "hour=12"
    left = [
        output / ".work" / "run-1" / "a.partials",
        output / "warehouse.duckdb.fresh",
        output / "warehouse.duckdb.tmp" / "duckdb_temp_storage.tmp",
        hour / ".run-1-abc.avro.tmp",
        output / "lake" / "dead_letters" / "dt=2026-06-15" / ".run-1-abc.jsonl.tmp",
    ]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(SECRET)
    assert forget(output, "--yes") == 0
    assert [path for path in left if path.exists()] == []


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
    with Target.local(output).open() as endpoints:
        assert counted(endpoints, "shade_store.events") == 2
    assert forget(output, "--yes") == 0
    with Target.local(output).open() as endpoints:
        assert counted(endpoints, "shade_store.events") == 0
    assert nothing_is_stored(output, capsys)


def counted(endpoints, table):
    sql = f"SELECT COUNT(*) AS n FROM {table} WHERE entity_id = '{WHO}'"
    return next(iter(endpoints.bigquery.query(sql).result())).n


def test_a_running_process_is_not_disturbed(output, capsys):
    with Target.local(output).open():
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
