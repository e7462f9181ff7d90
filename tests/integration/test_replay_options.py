"""Every option of `replay` by what it takes out of a small history: the command runs, its graph is the source alone."""

import json
import re
from collections.abc import Callable

import apache_beam as beam
import pytest

from pipelines.replay.engine import Engine
from pipelines.runners.direct import make_pipeline, run_to_end
from pipelines.version import pipeline_version
from schemas.tables.definitions import SCHEMA_VERSION
from tests.support.command import run_command
from tests.support.events import message_line
from tests.support.runs import query, write_messages

A, B = "00000000-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-00000000000b"


def event(number: int, event_type: str, source: str, at: str, flow: str, **data: object) -> bytes:
    return json.dumps(
        {
            "eventId": f"00000000-0000-4000-8000-{number:012d}", "eventType": event_type, "source": source,
            "eventTime": f"2026-06-15T{at}Z", "data": data, "metadata": {"correlationId": flow},
        }
    ).encode()  # fmt: skip


HISTORY = [
    ("orders", "10:00:00", event(1, "order.created", "order-service", "09:59:00", A, orderId="o-1", customerId="c-1", items=[])),
    ("orders", "10:59:59.999999", event(2, "order.updated", "order-service", "10:30:00", A, orderId="o-1", status="OPEN")),
    ("customers", "11:00:00", event(3, "customer.registered", "customer-service", "10:59:59.999999", A, customerId="c-1")),
    ("inventory", "10:30:00", event(4, "inventory.reserved", "inventory-service", "10:20:00", B, sku="s-1", quantity=1)),
    ("iot-events", "12:00:00", event(5, "iot.telemetry", "iot-gateway", "12:00:30", B, deviceId="d-1", metric="m", value=1)),
    ("iot-events", "10:40:00", event(6, "iot.telemetry", "iot-gateway", "10:40:00", B, deviceId="d-1", metric="m")),
    ("orders", "10:45:00", b"{"),
    ("orders", "13:00:00", event(8, "order.completed", "order-service", "10:00:00", A, orderId="o-1")),
]  # fmt: skip
"""Number 6 lacks its value and number 7 is no JSON: dead letters, which only the archive holds."""
HOUR = ["--from", "2026-06-15T10:00:00Z", "--to", "2026-06-15T11:00:00Z"]
DAY = ["--period", "previous-day", "--at", "2026-06-16T23:59:59Z"]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("history")
    lines = [
        message_line(topic, number, data, f"2026-06-15T{at}Z") for number, (topic, at, data) in enumerate(HISTORY, 1)
    ]
    source = write_messages(folder / "in" / "messages.jsonl", lines)
    code, _, err = run_command("local", "--input", source, "--output", folder / "out")
    assert code == 0, err
    return folder / "out"


def note(batch: list, path: str) -> None:
    with open(path, "a") as file:
        file.writelines(f"{int(message.message_id[1:])}\n" for message in batch)


@pytest.fixture
def taken(monkeypatch, tmp_path) -> Callable[[], list[int]]:
    """What the last replay took, by number; nothing is written but the run record."""
    noted = tmp_path / "noted"
    noted.touch()

    def run(self, source, then=None, undelivered=None):
        noted.write_text("")
        pipeline = make_pipeline("FnApiRunner", 1)
        _ = pipeline | "Read" >> source | "Note" >> beam.Map(note, str(noted))
        run_to_end(pipeline)
        counts = {"messages": len(noted.read_text().split())}
        self.endpoints.bigquery.query(self.run_records.row(self.claim, "DONE", counts=counts)).result()
        return counts

    monkeypatch.setattr(Engine, "run", run)
    return lambda: sorted(map(int, noted.read_text().split()))


@pytest.mark.parametrize(
    ("words", "archive", "events"),
    [
        pytest.param(HOUR, [1, 2, 4, 6, 7], [1, 2, 4], id="half-open: the start is in, the end is not"),
        pytest.param(["--from", "2026-06-15T10:00:00.000001Z", *HOUR[2:]], [2, 4, 6, 7], [2, 4], id="a microsecond on"),
        pytest.param([*HOUR[:2], "--to", "2026-06-15T10:00:00.000001Z"], [1], [1], id="a microsecond"),
        pytest.param([*HOUR, "--by", "event_time"], [2, 3, 4, 8], [2, 3, 4, 8], id="event time, late ones too"),
        pytest.param(["--period", "previous-hour", "--at", "2026-06-15T11:00:00Z"], [1, 2, 4, 6, 7], [1, 2, 4], id="period"),
        pytest.param(["--period", "previous-hour", "--at", "2026-06-15T11:59:59Z"], [1, 2, 4, 6, 7], [1, 2, 4], id="late start"),
        pytest.param([*DAY, "--topics", "orders", "customers"], [1, 2, 3, 7, 8], [1, 2, 3, 8], id="topics"),
        pytest.param([*DAY, "--event_types", "order.created", "iot.telemetry"], [1, 5, 6], [1, 5], id="event types"),
        pytest.param([*DAY, "--entity", "o-1"], [1, 2, 8], [1, 2, 8], id="entity"),
        pytest.param([*DAY, "--correlation_id", B.upper()], [4, 5], [4, 5], id="correlation id"),
        pytest.param([*HOUR, "--topics", "orders", "--entity", "o-1", "--correlation_id", A], [1, 2], [1, 2], id="all at once"),
        pytest.param([*HOUR, "--entity", "nobody"], [], [], id="nothing"),
    ],
)  # fmt: skip
def test_an_option_accepts_its_documented_values(store, taken, words, archive, events):
    for source, expected in (("archive", archive), ("events", events)):
        code, out, err = run_command("replay", "--output", store, "--mode", "backfill", "--source", source, *words)
        assert code == 0, err
        assert taken() == expected
        if not expected:
            assert "the range is empty" in out


def test_the_estimate_gives_messages_archive_bytes_and_bigquery_bytes(store):
    files = r"up to 5 messages, [1-9][\d,]* bytes of archive in 3 files, "
    for mode, source, told in (
        ("rebuild", "archive", files + r"[1-9][\d,]* bytes of BigQuery\n"),
        ("rebuild", "events", r"up to 3 messages, [1-9][\d,]* bytes of BigQuery\n"),
        ("shadow", "archive", files + r"0 bytes of BigQuery\n"),  # it reads nothing live
    ):
        words = ("--source", source, *HOUR, "--dry_run", *(["--into", "beside"] if mode == "shadow" else []))
        code, out, err = run_command("replay", "--output", store, "--mode", mode, *words)
        assert (code, out) == (0, "")
        assert re.fullmatch(rf"{mode} of \[.*\) of publish_time: {told}", err), err


def test_the_run_record_has_the_request_and_the_version(store, taken):
    here = f"{pipeline_version()}/{SCHEMA_VERSION}"
    words = ("--entity", "o-1", "--as_of_version", here, "--run_id", "asked")
    code, _, err = run_command("replay", "--output", store, "--mode", "backfill", *HOUR, *words)
    assert code == 0, err
    columns = "mode, source, clock, filters, pipeline_version || '/' || schema_version, messages, state, range_start, range_end"
    [row] = query(store, f"select {columns} from event_store.replay_runs where run_id = 'asked'")
    assert row[:7] == ("backfill", "archive", "publish_time", '{"entity": "o-1"}', here, 2, "DONE")
    assert [moment.hour for moment in row[7:]] == [10, 11]
    [(who,)] = query(store, "select who from event_store.replay_runs where run_id = 'asked'")
    assert who


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["--as_of_version", "0.0.1"], id="another version"),
        pytest.param(["--correlation_id", "nope"], id="no UUID"),
        pytest.param(["--run_id", "../../etc"], id="a name that is a path"),
        pytest.param(["--run_id", "twice"], id="a name that is recorded"),
        pytest.param(["--lease_seconds", "0"], id="no lease"),
        pytest.param(["--source", "memory"], id="source"),
    ],
)
def test_impossible_options_are_rejected_in_one_line_before_reading(store, taken, words):
    run_command("replay", "--output", store, "--mode", "backfill", *HOUR, "--run_id", "twice")
    before = query(store, "select count(*) from event_store.replays")
    read = taken()
    code, out, err = run_command("replay", "--output", store, "--mode", "backfill", *HOUR, *words)
    assert (code, out, taken()) == (2, "", read)
    told = [line for line in err.splitlines() if not line.startswith(("Try '", "backfill of "))]
    assert len(told) == 1
    assert all(word in told[0] for word in words)
    assert query(store, "select count(*) from event_store.replays") == before
