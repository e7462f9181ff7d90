"""What a large block of Avro holds is counted before it is decoded; blocks of messages pass."""

import io
from datetime import UTC, datetime

import fastavro
import pytest

from schemas import avro_entries
from schemas.avro_entries import MAX_ENTRIES, TooManyEntries, check_entries
from schemas.message import NotAMessage
from schemas.message_records import MESSAGE_AVRO
from transforms.sources.damaged_input import DamagedInput
from transforms.sources.file_ranges import FileRange
from transforms.sources.read_avro import read_avro
from transforms.sources.read_files import MAX_ATTRIBUTES, batches, read_range

TYPES = [
    ("null", None), ("boolean", True), ("int", -3), ("long", 2**40), ("float", 0.5), ("double", 0.5), ("bytes", b"ab"),
    ("string", "ab"), ({"type": "fixed", "name": "F", "size": 3}, b"abc"), ({"type": "enum", "name": "E", "symbols": ["A"]}, "A"),
    (["null", "string"], "x"), (["null", "string"], None), ({"type": "array", "items": "long"}, [1, 2]),
    ({"type": "map", "values": ["null", "string"]}, {"a": None, "b": "c"}),
]  # fmt: skip
SCHEMA = {
    "type": "record", "name": "All", "fields": [
        *({"name": f"f{number}", "type": kind} for number, (kind, _) in enumerate(TYPES)),
        {"name": "same", "type": "F"}, {"name": "next", "type": ["null", "All"]},
    ],
}  # fmt: skip
VALUE = {**{f"f{number}": value for number, (_, value) in enumerate(TYPES)}, "same": b"abc"}


def block_of(schema: dict, records: list) -> tuple[int, bytes]:
    out = io.BytesIO()
    parsed = fastavro.parse_schema(schema)
    for record in records:
        fastavro.schemaless_writer(out, parsed, record)
    return len(records), out.getvalue()


def file_of(attributes: dict[str, str], sync_interval: int = 1 << 30) -> bytes:
    out = io.BytesIO()
    record = {"subscription_name": "orders", "message_id": "1", "publish_time": datetime(2026, 1, 5, tzinfo=UTC),
              "attributes": attributes, "data": b"{}"}  # fmt: skip
    fastavro.writer(out, MESSAGE_AVRO, [record], sync_interval=sync_interval)
    return out.getvalue()


def test_every_type_is_passed_to_the_blocks_end(monkeypatch):
    monkeypatch.setattr(avro_entries, "LARGE_BLOCK_BYTES", 0)
    count, data = block_of(SCHEMA, [{**VALUE, "next": {**VALUE, "next": None}}, {**VALUE, "next": None}])
    check_entries(SCHEMA, count, data)
    with pytest.raises((ValueError, IndexError)):
        check_entries(SCHEMA, count + 1, data)
    monkeypatch.setattr(avro_entries, "MAX_ENTRIES", 11)
    with pytest.raises(TooManyEntries, match="more than 11 attributes and items"):
        check_entries(SCHEMA, count, data)


def test_a_file_with_a_block_of_too_many_attributes_is_named():
    data = file_of({f"key-{number:06d}": "" for number in range(MAX_ENTRIES + 1)})
    with pytest.raises(DamagedInput, match="block 1 has more than 500,000 attributes"):
        list(read_avro(io.BytesIO(data), "orders", path="orders.avro"))


def test_a_message_with_too_many_attributes_is_none(tmp_path):
    for name, count in (("few", MAX_ATTRIBUTES), ("many", MAX_ATTRIBUTES + 1)):
        path = tmp_path / f"{name}.avro"
        path.write_bytes(file_of({f"key-{number:06d}": "" for number in range(count)}))
        part = FileRange(str(path), "avro", "orders", 0, path.stat().st_size, True)
        [message] = read_range(part, 0)
        assert isinstance(message, NotAMessage) == (name == "many")


def test_attributes_fill_a_batch_as_data_does():
    [message] = read_avro(io.BytesIO(file_of({"key": "x" * 1000})), "orders")
    assert [len(batch) for batch in batches([message] * 10, most_bytes=5000)] == [5, 5]
