"""Dead letters that their table did not accept are added by the next command, each once."""

import base64
import json
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest

from pipelines.stores.open_stores import open_stores
from pipelines.stores.target import Target
from pipelines.stores.undelivered import add_undelivered_dead_letters, undelivered_files
from tests.support.command import run_command
from tests.support.events import make_event, message_line
from tests.support.runs import query, write_messages
from transforms.sinks.files.dead_letter_files import read_lines

AT = "2026-06-15T12:00:00Z"


@pytest.fixture(scope="module")
def rejected(tmp_path_factory) -> Path:
    """A store whose tables order_events and dead_letters rejected every row."""
    folder = tmp_path_factory.mktemp("rejected")
    data = json.dumps(make_event("order.created")).encode()
    lines = [message_line("orders", 1, data, AT), *(message_line("orders", n, b"{}", AT) for n in (2, 3))]
    write_messages(folder / "in" / "orders.jsonl", lines)
    faults = [
        {"on": "append", "table": table, "status": "PERMISSION_DENIED"} for table in ("dead_letters", "order_events")
    ]
    (folder / "faults.json").write_text(json.dumps({"faults": faults}))
    words = ("--input", folder / "in", "--output", folder / "out", "--faults", folder / "faults.json")
    code, _, err = run_command("local", *words)
    assert code == 1, err
    assert "undelivered rows: dead_letters 3, order_events 1" in err
    assert query(folder / "out", "select count(*) from event_store.dead_letters") == [(0,)]
    return folder


@pytest.fixture
def store(rejected, tmp_path) -> Path:
    return Path(shutil.copytree(rejected / "out", tmp_path / "out"))


def dead_letters(store: Path) -> list[tuple]:
    sql = "select stage, table_name, event_id is not null from event_store.dead_letters order by all"
    return query(store, sql)


ALL = [("envelope", None, False), ("envelope", None, False), ("sink", "order_events", True)]


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_files_of_dead_letters_are_compressed_on_request_and_read_either_way(rejected, tmp_path, compression):
    output, suffix = tmp_path / "out", ".jsonl.gz" if compression == "gzip" else ".jsonl"
    words = (
        "--input",
        rejected / "in",
        "--faults",
        rejected / "faults.json",
        "--dead_letters_compression",
        compression,
    )
    assert run_command("local", "--output", output, *words)[0] == 1
    files = [path for path in (output / "lake").rglob("*.jsonl*") if "dead_letters" in path.parts]
    assert {path.parts[-3] for path in files} == {"dead_letters"}
    assert all(path.name.endswith(suffix) for path in files)
    lines = [line for path in files for line in read_lines(path.name, path.read_bytes())]
    assert len(lines) == 6  # three in the lake's folder for good, three in the other until their table has them
    code, out, err = run_command("dead-letters", "--output", output, "--format", "json")
    assert code == 0, err
    assert len(out.splitlines()) == 3
    assert dead_letters(output) == ALL
    code, _, err = run_command("lake", "verify", "--output", output)
    assert code == 0, err


def test_the_next_command_adds_them_and_lists_them(store):
    code, out, err = run_command("dead-letters", "--output", store, "--format", "json")
    assert code == 0, err
    assert "added 3 dead letters" in err
    assert sorted(json.loads(line)["error_code"] for line in out.splitlines()) == [
        "MISSING_FIELD", "MISSING_FIELD", "SINK_REJECTED",
    ]  # fmt: skip
    assert dead_letters(store) == ALL
    assert not list((store / "lake" / "undelivered").rglob("*.jsonl"))


def test_a_run_that_appends_adds_them_too(rejected, store):
    code, _, err = run_command("local", "--input", rejected / "in", "--output", store, "--append")
    assert code == 0, err
    assert len([dead_letter for dead_letter in dead_letters(store) if dead_letter[0] == "sink"]) == 1
    assert not undelivered_files(Target.local(store))


def test_nothing_is_added_twice_after_a_kill_between_table_and_file(store):
    target = Target.local(store)
    kept = {path: Path(path).read_bytes() for path in undelivered_files(target)}
    assert kept
    for _ in range(2):
        with open_stores(target) as endpoints:
            add_undelivered_dead_letters(endpoints.bigquery, target)
        for path, data in kept.items():  # the file is there again, as after a kill before it was deleted
            Path(path).write_bytes(data)
    assert dead_letters(store) == ALL


def test_redrive_delivers_the_row_that_they_name(store):
    code, out, err = run_command("redrive", "--output", store, "--codes", "SINK_REJECTED")
    assert code == 0, out + err
    assert query(store, "select count(*) from analytics.order_events") == [(1,)]
    states = query(store, "select count(*) from event_store.dead_letters where stage = 'sink'")
    assert states == [(1,)]


@pytest.mark.parametrize("faulty", [False, True], ids=["table takes them", "table rejects them still"])
def test_forget_finds_a_customer_in_them(rejected, store, faulty):
    customer = make_event("order.created")["data"]["customerId"]
    kept = [Path(path) for path in undelivered_files(Target.local(store))]
    assert customer in payloads(kept)
    if faulty:
        for path in kept:
            path.write_text(path.read_text().replace('"stage":"sink"', '"stage":null'))
    code, out, err = run_command("forget", "--output", store, "--customer", customer, "--yes")
    assert code == 0, out + err
    assert customer not in payloads((store / "lake").rglob("*.jsonl"))


def payloads(paths: Iterable[Path]) -> str:
    """Return the payloads of dead-letter files as one text."""
    lines = [json.loads(line) for path in paths for line in path.read_text().splitlines()]
    return "\n".join(base64.b64decode(line["payload"]).decode() for line in lines)
