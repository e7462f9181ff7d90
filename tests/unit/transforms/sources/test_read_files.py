"""Reading: ranges that end on lines give every line once, whatever their size and the file's ends."""

import gzip
import hashlib

import pytest

from schemas.message import Message, NotAMessage
from tests.support.events import message_line
from transforms.archive.batch import archive_avro
from transforms.sources.damaged_input import DamagedInput
from transforms.sources.file_ranges import FileRange, plan_ranges, topic_of
from transforms.sources.read_files import BATCH_BYTES, BATCH_MESSAGES, _ReadFn, batches, read_range
from transforms.sources.read_progress import PROGRESS


def lines_of(path, size, range_bytes, form="events"):
    found = []
    for part in plan_ranges(str(path), size, form, range_bytes):
        found += [message.data for message in read_range(part, 0)]
    return found


def test_lines_longer_than_a_read_are_complete(tmp_path):
    lines = [b"a" * 3_000_000, b"b", b"c" * 1_500_000]
    path = tmp_path / "orders.jsonl"
    path.write_bytes(b"\r\n".join(lines))
    assert lines_of(path, path.stat().st_size, 1 << 20) == lines


def test_gzip_is_read_whole(tmp_path):
    path = tmp_path / "orders.jsonl.gz"
    path.write_bytes(gzip.compress(b"a\nb\n"))
    assert lines_of(path, path.stat().st_size, 1) == [b"a", b"b"]


def test_a_message_line_becomes_its_message(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text(message_line("orders", 3, b"data", "2026-06-15T12:00:00.000001Z", {"k": "v"}) + "\n{}\n")
    [part] = plan_ranges(str(path), path.stat().st_size, "messages")
    good, bad = read_range(part, 0)
    assert good == Message("orders", "m000003", 1_781_524_800_000_001, {"k": "v"}, b"data")
    assert isinstance(bad, NotAMessage)


def test_a_plain_event_has_the_topic_of_its_type(tmp_path):
    path = tmp_path / "orders.jsonl"
    path.write_text('{"eventType": "iot.telemetry"}\n{"type": "customer.updated"}\n{"eventType": "x"}\n{"a": 1}\n[1]\n')
    [part] = plan_ranges(str(path), path.stat().st_size, "auto", default="events")
    assert [message.topic for message in read_range(part, 0)] == ["iot-events", "customers", *["orders"] * 3]
    assert {message.topic for message in read_range(part, 0, own_topic=False)} == {"orders"}


def test_the_form_of_each_value_of_a_file_is_recognized(tmp_path):
    path = tmp_path / "orders.jsonl"
    message = message_line("orders", 3, b"data", "2026-06-15T12:00:00Z", {})
    path.write_text(f'{message}\n{{"eventId": "1"}}\nnot json\n')
    for default, kind in (("messages", NotAMessage), ("events", Message)):
        [part] = plan_ranges(str(path), path.stat().st_size, "auto", default=default)
        kinds = [type(found) for found in read_range(part, 0)]
        assert kinds == [Message, Message, kind]
    [part] = plan_ranges(str(path), path.stat().st_size, "messages")
    assert [type(found) for found in read_range(part, 0)] == [Message, NotAMessage, NotAMessage]
    [part] = plan_ranges(str(path), path.stat().st_size, "events")
    assert [found.message_id[:13] for found in read_range(part, 0)] == ["orders.jsonl:"] * 3


def test_a_file_that_is_not_the_one_of_its_manifest_gives_no_message(tmp_path):
    path = tmp_path / "part.avro"
    path.write_bytes(archive_avro([Message("orders", "1", 1, {}, b"data")]))
    size = path.stat().st_size
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    part = FileRange(str(path), "avro", "orders", 0, size, True, sha256=digest)
    assert len(list(read_range(part, 0))) == 1
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)
    with pytest.raises(DamagedInput, match=r"part\.avro: the file's sha256 is not the one in its manifest"):
        next(read_range(part, 0))


def test_plain_events_are_named_by_file_range_and_line(tmp_path):
    path = tmp_path / "orders.jsonl"
    path.write_text("a\nb\n")
    [part] = plan_ranges(str(path), 4, "events")
    assert [(m.message_id, m.topic, m.publish_time) for m in read_range(part, 9)] == [
        ("orders.jsonl:0:00000000", "orders", 9),
        ("orders.jsonl:0:00000001", "orders", 9),
    ]


@pytest.mark.parametrize(
    ("path", "topic"),
    [
        ("a/orders.jsonl", "orders"),
        ("iot-events.jsonl.gz", "iot-events"),
        ("customers-0001.jsonl", "customers"),
        ("inventory_2.jsonl", "inventory"),
        ("ordersx.jsonl", "unknown"),
        ("gs://b/x/orders/part.avro", "orders"),
        ("archive/iot-events/dt=2026-06-15/hour=12/part.avro", "iot-events"),
        ("orders/customers.jsonl", "customers"),
        ("customers-eu/2026/part.avro", "customers"),
        ("a/ordersx/part.avro", "unknown"),
        ("stdin", "unknown"),
    ],
)
def test_the_names_of_file_and_folders_give_the_topic(path, topic):
    assert topic_of(path) == topic


def test_the_archive_is_read_back_as_the_same_messages(tmp_path):
    messages = [
        Message("orders", str(n), 1_781_524_800_000_001 + n, {"k": "v"} if n else {}, b"d%d" % n) for n in range(3)
    ]
    path = tmp_path / "part.avro"
    path.write_bytes(archive_avro(messages))
    [part] = plan_ranges(str(path), path.stat().st_size, "avro")
    assert list(read_range(part, 0)) == messages


@pytest.mark.parametrize(
    ("sizes", "most", "most_bytes", "found"),
    [
        pytest.param([1] * 5, 2, 100, [2, 2, 1], id="many"),
        pytest.param([1] * 4, 2, 100, [2, 2], id="whole batches"),
        pytest.param([10] * 200, 1000, 640, [64, 64, 64, 8], id="large"),
        pytest.param([5000], 1000, 640, [1], id="larger than a batch"),
        pytest.param([5000, 5000, 1], 1000, 640, [1, 1, 1], id="each larger than a batch"),
        pytest.param([], 2, 100, [], id="none"),
    ],
)
def test_a_batch_ends_where_it_is_full(sizes, most, most_bytes, found):
    messages = [Message("orders", str(number), 0, {}, b"x" * size) for number, size in enumerate(sizes)]
    made = list(batches(messages, most, most_bytes))
    assert [len(batch) for batch in made] == found
    assert [message for batch in made for message in batch] == messages


def bundle(parts) -> list[list[Message]]:
    """What the step makes of a bundle of ranges."""
    step = _ReadFn(0)
    step.start_bundle()
    made = [batch for part in parts for batch in step.process(part)]
    return made + [windowed.value for windowed in step.finish_bundle()]


def test_a_batch_goes_over_the_ends_of_small_files(tmp_path):
    parts = []
    for number in range(30):
        path = tmp_path / f"orders.{number}.jsonl"
        path.write_bytes(b"".join(b'{"n": %d}\n' % (100 * number + line) for line in range(number % 3 * 100)))
        parts += plan_ranges(str(path), path.stat().st_size, "events")
    PROGRESS.reset()
    made = bundle(parts)
    assert [len(batch) for batch in made] == [3000]
    assert [message.data for message in made[0]] == [m.data for part in parts for m in read_range(part, 0)]
    assert (PROGRESS.messages, PROGRESS.bytes) == (3000, sum(part.end - part.start for part in parts))


def test_a_full_batch_is_handed_out_before_the_bundle_ends(tmp_path):
    path = tmp_path / "orders.jsonl"
    path.write_bytes(b'{"n": 1}\n' * 5000)
    parts = list(plan_ranges(str(path), path.stat().st_size, "events"))
    assert [len(batch) for batch in bundle(parts * 2)] == [BATCH_MESSAGES, BATCH_MESSAGES, 10_000 - 2 * BATCH_MESSAGES]
    step = _ReadFn(0)
    step.start_bundle()
    assert [len(batch) for batch in step.process(parts[0])] == [BATCH_MESSAGES]


def test_large_messages_fill_a_batch_too(tmp_path):
    path = tmp_path / "orders.jsonl"
    path.write_bytes((b'"' + b"x" * (BATCH_BYTES // 40) + b'"\n') * 100)
    parts = list(plan_ranges(str(path), path.stat().st_size, "events"))
    assert [len(list(read_range(part, 0))) for part in parts] == [40, 40, 20]
    assert [len(batch) for batch in bundle(parts)] == [40, 40, 20]
    assert [len(batch) for batch in bundle(parts * 2)] == [40, 40, 40, 40, 40]


def test_a_bundle_without_messages_has_no_batch(tmp_path):
    path = tmp_path / "orders.jsonl"
    path.write_bytes(b"\n\n")
    assert bundle(plan_ranges(str(path), 2, "events")) == []
    assert bundle([]) == []
