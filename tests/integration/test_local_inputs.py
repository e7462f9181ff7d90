"""`local` and `validate` agree on files of every form, and each message in them has one outcome."""

import base64
import bz2
import gzip
import json
import os
import shutil
import subprocess
import sys
import threading
from collections import Counter
from io import BytesIO
from pathlib import Path

import fastavro
import pytest

from pipelines.inputs import plan_inputs
from schemas.message_records import MESSAGE_AVRO
from tests.support.command import run_command
from tests.support.events import PUBLISHED, PUBLISHED_US, make_event
from tests.support.runs import query
from transforms.sources.file_ranges import plan_ranges
from transforms.sources.read_files import read_range

CASES = Path(__file__).parents[2].parent / "shared" / "cases"
_NUMBERS = iter(range(10**6))


def event(name: str = "order.created", **changes) -> dict:
    return make_event(name, eventId=f"00000000-0000-4000-8000-{next(_NUMBERS):012d}", **changes)


def rest(content: dict | bytes, **changes) -> dict:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    number = next(_NUMBERS)
    made = {"data": base64.b64encode(data).decode(), "messageId": f"m{number}", "publishTime": PUBLISHED, **changes}
    return {key: value for key, value in made.items() if value is not ...}


def lines(*values) -> bytes:
    return b"".join((value if isinstance(value, bytes) else json.dumps(value).encode()) + b"\n" for value in values)


def avro(records, schema=MESSAGE_AVRO, codec="deflate") -> bytes:
    file = BytesIO()
    fastavro.writer(file, fastavro.parse_schema(schema), records, codec=codec)
    return file.getvalue()


def google(subscription: str, content: dict) -> dict:
    return {
        "subscription_name": f"projects/p/subscriptions/{subscription}",
        "message_id": f"g{next(_NUMBERS)}",
        "publish_time": PUBLISHED_US,
        "attributes": {},
        "data": json.dumps(content).encode(),
    }


def files() -> dict[str, tuple[bytes, Counter]]:
    """Return files of every form: what is in each, and the outcomes of its messages."""
    good, bad = event(), event(eventTime="yesterday")
    mark = b"\xef\xbb\xbf"
    nullable = {
        **MESSAGE_AVRO,
        "fields": [{**field, "type": ["null", field["type"]]} for field in MESSAGE_AVRO["fields"]],
    }
    only_data = {"type": "record", "name": "PubsubMessage", "fields": [{"name": "data", "type": "bytes"}]}
    return {
        "orders-bom.jsonl": (mark + lines(rest(event(), topic="orders"), rest(event())), Counter(valid=2)),
        "orders-bom-event.jsonl": (mark + lines(event(), event()), Counter(valid=2)),
        "orders-bom-within.jsonl": (lines(rest(event())) + mark + lines(rest(event())), Counter(valid=2)),
        "orders-crlf.jsonl": (lines(rest(event()), event()).replace(b"\n", b"\r\n\r\n"), Counter(valid=2)),
        "orders.ndjson": (lines(event(), bad, b"{"), Counter(valid=1, TIME_FORMAT=1, JSON_SYNTAX=1)),
        "orders.ndjson.gz": (gzip.compress(lines(event(), event())), Counter(valid=2)),
        "orders.jsonl.bz2": (bz2.compress(lines(rest(event()))), Counter(valid=1)),
        "orders-pretty.jsonl": (json.dumps(event(), indent=2).encode(), Counter(valid=1)),
        "orders-two.jsonl": ((json.dumps(event(), indent=2) + "\n" + json.dumps(event())).encode(), Counter(valid=2)),
        "orders-array.jsonl": (json.dumps([event(), bad, event()]).encode(), Counter(valid=2, TIME_FORMAT=1)),
        "orders-lines-array.jsonl": (b"[\n" + lines(event())[:-1] + b",\n" + lines(event()) + b"]", Counter(valid=2)),
        "orders-pull.jsonl": (
            lines({"receivedMessages": [{"ackId": "a", "message": rest(event())}] * 1}),
            Counter(valid=1),
        ),
        "orders-gcloud.jsonl": (
            json.dumps(
                [{"ackId": "a", "message": rest(event())}, {"ackId": "b", "message": rest(event())}], indent=2
            ).encode(),
            Counter(valid=2),
        ),
        "push.jsonl": (
            lines(
                {"message": rest(event("iot.telemetry")), "subscription": "projects/p/subscriptions/iot-events-push"}
            ),
            Counter(valid=1),
        ),
        "snake.jsonl": (
            lines(rest(event(), messageId=..., publishTime=..., message_id="s1", publish_time=PUBLISHED)),
            Counter(valid=1),
        ),
        "orders-attributes-only.jsonl": (lines(rest(b"", data=..., attributes={"a": "b"})), Counter(EMPTY=1)),
        "orders-no-message.jsonl": (
            lines(rest(event()), rest(event(), publishTime=...), b"not json"),
            Counter(valid=1, NOT_A_MESSAGE=2),
        ),
        "orders-cut.jsonl": (lines(json.dumps(good).encode()[:-1], event()), Counter(valid=1, JSON_SYNTAX=1)),
        "mixed.jsonl": (
            lines(event("customer.updated"), event("iot.telemetry"), rest(event())),
            Counter(valid=3),
        ),
        "orders-with-a-name-of-another-topic.jsonl": (lines(event("inventory.released")), Counter(valid=1)),
        "google.avro": (
            avro([google("orders-archive", event()), google("x", event("customer.updated"))]),
            Counter(valid=2),
        ),
        "orders-only-data.avro": (avro([{"data": json.dumps(event()).encode()}], only_data, "null"), Counter(valid=1)),
        "orders-null.avro": (
            avro([google("orders", event()), {**google("orders", event()), "data": None}], nullable),
            Counter(valid=1, NOT_A_MESSAGE=1),
        ),
        "orders-empty.jsonl": (b"", Counter()),
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> tuple[Path, dict[str, Counter]]:
    """Write all files into one folder and return it with the outcomes by file."""
    root = tmp_path_factory.mktemp("inputs") / "in"
    root.mkdir()
    made = files()
    for name, (data, _) in made.items():
        (root / name).write_bytes(data)
    return root, {name: outcomes for name, (_, outcomes) in made.items()}


def validated(path: Path | str) -> Counter:
    """Return how many messages of a file have each outcome by `validate`."""
    code, out, err = run_command("validate", path, "--json", "--as_of", PUBLISHED)
    assert code in (0, 1), err
    outcomes = Counter(verdict.get("code") or verdict["outcome"] for verdict in map(json.loads, out.splitlines()))
    assert (code == 1) == any(outcome != "valid" for outcome in outcomes)
    return outcomes


def stored(output: Path) -> Counter:
    """Return how many messages of a run have each outcome."""
    [(valid,)] = query(output, "select count(*) from event_store.events")
    rows = query(output, "select error_code, count(*) from event_store.dead_letters group by 1")
    return +Counter({"valid": valid, **dict(rows)})


def test_validate_gives_every_message_of_every_file_its_outcome(folder):
    root, expected = folder
    found = {name: validated(root / name) for name, outcomes in expected.items() if outcomes}
    assert found == {name: outcomes for name, outcomes in expected.items() if outcomes}


def test_local_gives_every_message_the_same_outcome(folder, tmp_path):
    root, expected = folder
    code, _, err = run_command("local", "--input", root, "--output", tmp_path / "out", "--as_of", PUBLISHED)
    assert code == 0, err
    assert stored(tmp_path / "out") == sum(expected.values(), Counter())


def test_ranges_of_any_size_give_the_same_messages(folder):
    root, _ = folder
    for path in sorted(root.glob("*.jsonl")):
        whole = [m for part in plan_ranges(str(path), path.stat().st_size, "auto") for m in read_range(part, 0)]
        if "pretty" in path.name or "array" in path.name or "gcloud" in path.name or "two" in path.name:
            continue
        parts = plan_ranges(str(path), path.stat().st_size, "auto", 50)
        assert [m.data for part in parts for m in read_range(part, 0)] == [m.data for m in whole]


@pytest.mark.parametrize("given", ["-", "fifo"], ids=["standard input", "a named pipe"])
def test_local_reads_pipes(tmp_path, given):
    data = lines(event(), event("customer.updated"), event(eventTime="yesterday"))
    if given == "fifo":
        given = str(tmp_path / "events.fifo")
        os.mkfifo(given)
        threading.Thread(target=Path(given).write_bytes, args=(data,)).start()  # waits for the reader
    command = [sys.executable, "-m", "pipelines", "local", "--input", given, "--output", str(tmp_path / "out")]
    done = subprocess.run(command, input=data, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert stored(tmp_path / "out") == Counter(valid=2, TIME_FORMAT=1)


DAMAGED = {
    "none": (b"not avro\n", "not an Avro file"),
    "truncated": (avro([google("orders", event())])[:-8], "the Avro file is truncated or damaged at block 1"),
    "foreign": (
        avro([{"id": 1}], {"type": "record", "name": "x", "fields": [{"name": "id", "type": "long"}]}),
        "its schema is not that of a message: it lacks message_id or messageId, publish_time or publishTime, "
        "attributes, data",
    ),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_avro_file_is_named_and_the_earlier_result_stays(folder, tmp_path, damage):
    data, reason = DAMAGED[damage]
    output = tmp_path / "out"
    shutil.copytree(folder[0], tmp_path / "in")
    (tmp_path / "in" / "zz.avro").write_bytes(data)
    output.mkdir()
    (output / "summary.json").write_text("{}")
    code, _, err = run_command("local", "--input", tmp_path / "in", "--output", output, "--overwrite")
    assert code == 2
    assert f"zz.avro: {reason}" in err
    assert err.count("\n") == 1
    assert [path.name for path in output.iterdir()] == ["summary.json"]
    code, out, err = run_command("validate", tmp_path / "in" / "zz.avro")
    assert (code, out) == (2, "")
    assert f"zz.avro: {reason}" in err


@pytest.mark.skipif(not CASES.is_dir(), reason="the case folders are not there")
@pytest.mark.parametrize("name", sorted(path.name for path in CASES.glob("*")) if CASES.is_dir() else [])
def test_validate_and_local_read_the_same_of_every_case(name):
    for path in sorted((CASES / name).rglob("*")):
        if path.suffix not in (".jsonl", ".ndjson", ".avro", ".json"):
            continue
        code, out, err = run_command("validate", path, "--json")
        if code == 2:
            assert str(path) in err
            continue
        count = sum(1 for part in plan_inputs([str(path)], "auto") for _ in read_range(part, 0))
        assert len(out.splitlines()) == count
