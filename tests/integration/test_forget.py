"""`forget` on what a local run left: listed first, then gone from tables and files, and everything else as it was."""

import base64
import gzip
import json
import uuid

import pytest

from pipelines.cli.commands import forget as forget_command
from pipelines.cli.main import main
from pipelines.stores.target import Target
from schemas.tables.definitions import TABLES
from schemas.views import all_views
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
    message(6, "customers", gzip.compress(json.dumps(person(6, WHO, SECRET)).encode())),  # compressed: refused
    message(7, "customers", person(7, OTHER, "x@example.org") | {"source": "nobody"}),  # another's dead letter
    message(8, "inventory", b"not json", customer=WHO),  # named in an attribute only
    message(9, "customers", person(9, WHO, SECRET)["data"]),  # no envelope
]


@pytest.fixture
def output(tmp_path):
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
    return b"".join(path.read_bytes() for path in sorted((output / "lake").rglob("*")) if path.is_file())


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
    assert "1 order events name the customer's id and stay" in listed
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
    }
    assert all(set(after[name]) <= set(rows) for name, rows in before.items() if name.split(".")[1] in TABLES)
    assert len(after["analytics.customer_current"]) == 1
    assert after["analytics.order_current"] == before["analytics.order_current"]
    # In the files too: not in clear, and not in what is packed into a dead letter or an archive record.
    capsys.readouterr()
    assert forget(output) == 0
    assert "nothing is held of this customer" in capsys.readouterr().out
    assert SECRET.encode() not in lake_bytes(output)
    assert base64.b64encode(SECRET.encode())[:-4] not in lake_bytes(output)
    # The other messages are still in the archive, and every manifest names whole files.
    assert archived(output) == sorted(["3", "4", "7"])


def archived(output):
    import fastavro

    found = []
    root = output / "lake"
    for folder in sorted({path.parent for path in root.glob("archive/*/dt=*/hour=*/*.json")}):
        feed, partition = folder.relative_to(root).as_posix().split("/dt=")
        manifest = newest(str(root), feed, f"dt={partition}")
        for entry, path in zip(manifest["files"], newest_files(str(root), feed, [f"dt={partition}"]), strict=True):
            with open(path, "rb") as file:
                records = list(fastavro.reader(file))
            assert len(records) == entry["rows"]
            found += [record["messageId"] for record in records]
    return sorted(found)


def test_the_record_says_what_was_done_and_not_of_whom(output):
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


def test_a_failure_midway_leaves_a_true_record_and_the_next_run_finishes(output, monkeypatch, capsys):
    def fails(self, holding):
        raise forget_command.GoogleAPICallError("quota")

    with monkeypatch.context() as patch:
        patch.setattr(forget_command.Tables, "delete", fails)
        assert forget(output, "--yes") == 1
    assert "is found by the next run" in capsys.readouterr().err
    [path] = (output / "lake" / "forgotten").iterdir()
    assert json.loads(path.read_text())["complete"] is False
    assert forget(output, "--yes") == 0
    assert forget(output) == 0
    assert "nothing is held of this customer" in capsys.readouterr().out


def test_a_crash_before_an_old_file_goes_loses_nothing(output, monkeypatch, capsys):
    from pipelines.erasure import lake_files as lake

    def crash(paths):
        raise OSError("no more power")

    with monkeypatch.context() as patch:
        patch.setattr(lake.FileSystems, "delete", crash)
        with pytest.raises(OSError, match="power"):
            forget(output, "--yes")
    assert forget(output, "--yes") == 0
    assert archived(output) == sorted(["3", "4", "7"])
    capsys.readouterr()
    assert forget(output) == 0
    assert "nothing is held" in capsys.readouterr().out


def test_files_that_are_being_written_are_said(output, capsys):
    open_segment = (
        output / "lake" / "archive" / "customers" / "dt=2026-06-15" / "hour=12" / ".open-20260615T1200-00.avro"
    )
    open_segment.write_bytes(b"")
    assert forget(output) == 0
    assert "1 files are being written and were not looked into" in capsys.readouterr().out


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
