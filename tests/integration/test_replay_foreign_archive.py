"""An archive that Pub/Sub's own Cloud Storage subscription wrote is replayed, and ours is read by that schema alone."""

import base64
import json
from pathlib import Path

import fastavro
import pytest

from schemas.timestamps import parse_rfc3339
from tests.support.command import run_command
from tests.support.events import PUBLISHED, make_event
from tests.support.runs import query, write_messages

DOCUMENTED = {
    "type": "record",
    "namespace": "com.google.pubsub",
    "name": "PubsubMessageWithMetadata",
    "fields": [
        {"name": "subscription_name", "type": "string"},
        {"name": "message_id", "type": "string"},
        {"name": "publish_time", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "attributes", "type": {"type": "map", "values": "string"}},
        {"name": "data", "type": "bytes"},
    ],
}
"""The schema as Pub/Sub's documentation has it, written out here and not taken from the code under test."""
NAMES = (
    "order.created",
    "order.updated",
    "payment.processed",
    "customer.updated",
    "iot.telemetry",
    "inventory.released",
)
TOPICS = {"customer": "customers", "iot": "iot-events", "inventory": "inventory"}
RANGE = ("--from", "2026-01-01T00:00:00Z", "--to", "2026-04-01T00:00:00Z")


def messages() -> list[dict]:
    made = []
    for number in range(60):
        name = NAMES[number % len(NAMES)]
        event = make_event(name, eventId=f"00000000-0000-4000-8000-{number:012d}")
        data = json.dumps(event).encode() if number % 10 else b"{broken"
        topic = TOPICS.get(name.split(".")[0], "orders")
        made.append({"topic": topic, "messageId": f"m{number}", "attributes": {"ordering_key": "k"}, "data": data})
    return made


def write_store(folder: Path, output: Path) -> None:
    """Write a store that holds one dead letter and no event."""
    source = write_messages(folder / "in" / "orders.jsonl", [json.dumps(make_event(eventTime="yesterday"))])
    assert run_command("local", "--input", source, "--output", output, "--as_of", "2020-01-01T00:00:00Z")[0] in (0, 1)


def contents(output: Path) -> list:
    """Return what the tables hold but for the columns that name a run."""
    columns = {
        "event_store.events": "event_id, topic, message_id, publish_time, data_text",
        "event_store.dead_letters": "topic, message_id, error_code, payload, attributes",
        "analytics.order_events": "event_id, order_id, event_time",
        "analytics.customer_events": "event_id, customer_id, event_time",
        "analytics.iot_telemetry": "event_id, device_id, value",
    }
    found = []
    for table, names in columns.items():
        found.append((table, sorted(query(output, f"select {names} from {table}"), key=repr)))
    return found


@pytest.fixture(scope="module")
def ours(tmp_path_factory) -> Path:
    """Run `local` over the messages, which writes our own archive."""
    root = tmp_path_factory.mktemp("ours")
    lines = [
        json.dumps({**message, "publishTime": PUBLISHED, "data": base64.b64encode(message["data"]).decode()})
        for message in messages()
    ]
    source = write_messages(root / "in" / "all.jsonl", lines)
    code, _, err = run_command("local", "--input", source, "--output", root / "out")
    assert code == 0, err
    return root / "out"


def write_google(folder: Path, name: str, given: list[dict]) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    records = [
        {
            "subscription_name": f"projects/p/subscriptions/{message['topic']}-archive",
            "message_id": message["messageId"],
            "publish_time": parse_rfc3339(PUBLISHED)[0],
            "attributes": message["attributes"],
            "data": message["data"],
        }
        for message in given
    ]
    with path.open("wb") as file:
        fastavro.writer(file, fastavro.parse_schema(DOCUMENTED), records, codec="deflate")


@pytest.mark.parametrize(
    "name",
    [
        "2026-03-01T12:00:00+00:00_d9e6be.avro",
        "2026/03/01/12_00_00_d9e6be.avro",
        "dt=2026-03-01/hour=12/part_d9e6be.avro",
    ],
    ids=["flat", "by date", "by hour"],
)
def test_an_archive_of_a_cloud_storage_subscription_is_replayed(ours, tmp_path, name):
    output = tmp_path / "out"
    write_store(tmp_path, output)
    for topic in ("orders", "customers", "iot-events", "inventory"):
        given = [message for message in messages() if message["topic"] == topic]
        write_google(output / "lake" / "archive" / topic, name, given)
    code, out, err = run_command("replay", "--output", output, "--source", "archive", "--mode", "backfill", *RANGE)
    assert code == 0, out + err
    dead_letters = "event_store.dead_letters"  # the one of the run before has an id of its file
    replayed = [
        (table, [row for row in rows if table != dead_letters or row[1].startswith("m")])
        for table, rows in contents(output)
    ]
    assert replayed == contents(ours)


def test_our_archive_is_read_by_the_documented_schema_alone(ours):
    records = []
    for path in sorted((ours / "lake" / "archive").rglob("*.avro")):
        with path.open("rb") as file:
            reader = fastavro.reader(file, reader_schema=fastavro.parse_schema(DOCUMENTED))
            assert reader.codec == "deflate"
            records += [*reader]
    expected = {message["messageId"]: message for message in messages()}
    assert len(records) == len(expected)
    for record in records:
        message = expected[record["message_id"]]
        assert record["subscription_name"] == message["topic"]
        assert (record["attributes"], record["data"]) == (message["attributes"], message["data"])
        assert record["publish_time"].isoformat() == "2026-03-01T12:00:00+00:00"


def test_a_damaged_file_of_another_writer_is_named(ours, tmp_path):
    output = tmp_path / "out"
    write_store(tmp_path, output)
    folder = output / "lake" / "archive" / "customers"
    write_google(folder, "2026-03-01T12:00:00+00:00_d9e6be.avro", messages()[:3])
    [path] = folder.glob("*.avro")
    path.write_bytes(path.read_bytes()[:-8])
    code, _, err = run_command("replay", "--output", output, "--source", "archive", "--mode", "backfill", *RANGE)
    assert code == 1
    assert f"{path.name}: the Avro file is truncated or damaged behind record 0" in err
