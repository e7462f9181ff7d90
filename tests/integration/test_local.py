"""`local` end to end on small input: every outcome reaches the store it belongs in, whatever the runner."""

import json
from pathlib import Path

import fastavro
import pyarrow.parquet as pq
import pytest

from tests.support.command import run_command
from tests.support.events import message_line
from tests.support.runs import query, write_messages

EVENTS = 3000


@pytest.fixture(scope="module")
def simulated(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("simulated") / "input"
    code, _, err = run_command("simulate", "--output", folder, "--events", EVENTS, "--seed", 7, "--dirty", 0.05)
    assert code == 0, err
    return folder


@pytest.fixture(scope="module")
def output(simulated, tmp_path_factory) -> Path:
    output = tmp_path_factory.mktemp("local") / "output"
    code, _, err = run_command("local", "--input", simulated, "--output", output)
    assert code == 0, err
    return output


def test_the_stated_bytes_are_the_written_bytes(output):
    assert sorted(path.name for path in output.iterdir()) == ["lake", "report.html", "summary.json", "warehouse.duckdb"]
    assert not list(output.rglob("*.tmp"))


def test_rows_are_once_in_the_event_store_and_once_in_their_table(output):
    [(events, distinct)] = query(output, "select count(*), count(distinct event_id) from event_store.events")
    typed = " union all ".join(
        f"select event_id from analytics.{table}"
        for table in ("order_events", "customer_events", "inventory_events", "payment_events", "iot_telemetry")
    )
    [(rows,)] = query(output, f"select count(*) from ({typed})")
    assert events == distinct == rows


def test_the_archive_holds_every_message_unchanged(simulated, output):
    archived = [
        record for path in (output / "lake" / "archive").rglob("*.avro") for record in fastavro.reader(path.open("rb"))
    ]
    sent = {}
    for path in simulated.glob("*.jsonl"):
        for line in path.read_text().splitlines():
            try:
                message = json.loads(line)
                sent[message["messageId"], message["publishTime"]] = message
            except (ValueError, KeyError, TypeError):
                continue
    summary = json.loads((output / "summary.json").read_text())
    assert len(archived) == summary["received"] - summary["dead_letters_by_code"].get("NOT_A_MESSAGE", 0)
    assert {record["message_id"] for record in archived} <= {key[0] for key in sent}


def test_every_file_is_named_by_its_windows_manifest(output):
    lake = output / "lake"
    files = {path for path in lake.rglob("*") if path.is_file() and not path.name.startswith("_manifest-")}
    named = set()
    for path in lake.rglob("_manifest-*.json"):
        manifest = json.loads(path.read_text())
        assert manifest["generation"] == 1
        named |= {path.parent / entry["name"] for entry in manifest["files"]}
    assert files == named
    assert files


def test_features_agree_with_the_telemetry_rows(output):
    tables = [pq.read_table(path) for path in (output / "lake" / "ml" / "iot_features").rglob("*.parquet")]
    [(measured, low, high)] = query(output, "select count(*), min(value), max(value) from analytics.iot_telemetry")
    assert sum(sum(table["count"].to_pylist()) for table in tables) == measured
    assert min(min(table["min"].to_pylist()) for table in tables) == low
    assert max(max(table["max"].to_pylist()) for table in tables) == high


def test_dead_letter_files_equal_the_table(output):
    lines = [
        json.loads(line)
        for path in (output / "lake" / "dead_letters").rglob("*.jsonl")
        for line in path.read_text().splitlines()
    ]
    rows = query(output, "select dead_letter_id, error_code, payload_sha256 from event_store.dead_letters")
    assert sorted((line["dead_letter_id"], line["error_code"], line["payload_sha256"]) for line in lines) == sorted(
        rows
    )


SAME = (
    "select event_id, event_type, data, notes, message_id from event_store.events order by all",
    "select error_code, path, payload_sha256 from event_store.dead_letters order by all",
    "select window_start, event_type, events, amount from analytics.event_counts order by all",
    "select * exclude (run_id) from analytics.pipeline_metrics"
    " where window_start < (select min(ingest_time) - interval 1 hour from event_store.events) order by all",
)
"""Lines without a clock of their own are counted in the minute in which a run began, which two runs need not share."""


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(["--direct_num_workers", 2], id="two workers"),
        pytest.param(["--runner", "DirectRunner"], id="DirectRunner"),
    ],
)
def test_another_runner_gives_the_same_rows(simulated, output, tmp_path, options):
    code, _, err = run_command("local", "--input", simulated, "--output", tmp_path / "other", *options)
    assert code == 0, err
    for sql in SAME:
        assert query(tmp_path / "other", sql) == query(output, sql)


def test_plain_events_take_their_clock_from_as_of(tmp_path):
    event = {
        "eventId": "00000000-0000-4000-8000-000000000001", "eventType": "order.completed",
        "eventTime": "2026-06-15T11:58:00Z", "source": "order-service", "data": {"orderId": "o-1"},
        "metadata": {"correlationId": "00000000-0000-4000-8000-000000000002"},
    }  # fmt: skip
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "orders.jsonl").write_text(
        json.dumps(event) + "\n" + json.dumps({**event, "eventId": "x"}) + "\n"
    )
    code, _, err = run_command(
        "local", "--input", tmp_path / "in", "--output", tmp_path / "out", "--as_of", "2026-06-15T12:00:00Z"
    )
    assert code == 0, err
    assert query(tmp_path / "out", "select strftime(publish_time, '%H:%M') from event_store.events") == [("12:00",)]
    assert query(tmp_path / "out", "select error_code, path from event_store.dead_letters") == [
        ("FIELD_FORMAT", "eventId")
    ]


def test_a_line_that_is_not_a_message_is_a_dead_letter_and_the_other_lines_are_read(tmp_path):
    good = json.dumps(
        {
            "eventId": "00000000-0000-4000-8000-000000000001", "eventType": "order.completed",
            "eventTime": "2026-06-15T11:58:00Z", "source": "order-service", "data": {"orderId": "o-1"},
            "metadata": {"correlationId": "00000000-0000-4000-8000-000000000002"},
        }
    ).encode()  # fmt: skip
    lines = [message_line("orders", 1, good, "2026-06-15T12:00:00Z"), "{broken", '{"topic":"orders"}', "[]"]
    source = write_messages(tmp_path / "in" / "orders.jsonl", lines)
    code, _, err = run_command("local", "--input", source, "--output", tmp_path / "out")
    assert code == 0, err
    assert query(tmp_path / "out", "select count(*) from event_store.events") == [(1,)]
    assert query(tmp_path / "out", "select distinct error_code, stage from event_store.dead_letters") == [
        ("NOT_A_MESSAGE", "source")
    ]
    assert query(tmp_path / "out", "select count(*) from event_store.dead_letters") == [(3,)]


@pytest.mark.parametrize("method", ["STREAMING_INSERTS", "FILE_LOADS"])
def test_beams_own_bigquery_methods_give_the_same_rows(tmp_path, method):
    source = tmp_path / "in"
    assert run_command("simulate", "--output", source, "--events", 300, "--seed", 3, "--dirty", 0.1)[0] == 0
    for name, options in (("own", []), ("beams", ["--bigquery_method", method])):
        code, _, err = run_command("local", "--input", source, "--output", tmp_path / name, *options)
        assert code == 0, err
    for sql in SAME[1:]:
        assert query(tmp_path / "beams", sql) == query(tmp_path / "own", sql)
    events = "select event_id, event_type, notes, message_id, data from event_store.events order by event_id"
    own, beams = (
        [(*row, json.loads(text)) for *row, text in query(tmp_path / name, events)] for name in ("own", "beams")
    )
    assert beams == own  # load jobs write JSON anew: equal by value, not by white space
