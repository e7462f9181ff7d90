"""Avro files are read block by block: all codecs, within limits, and damage is named with its file."""

import io
import zlib
from pathlib import Path

import fastavro
import pytest

from schemas.message import Message, NotAMessage
from schemas.message_records import MESSAGE_AVRO
from transforms.archive.batch import archive_avro
from transforms.sources import avro_container as module
from transforms.sources.avro_container import inflate
from transforms.sources.damaged_input import DamagedInput
from transforms.sources.read_avro import read_avro

DATA = Path(__file__).parents[3] / "data" / "avro"
MESSAGES = [
    Message("orders", str(number), 1_781_524_800_000_000 + number, {"k": "v"}, b"x" * 99) for number in range(9)
]
RECORDS = [
    {
        "subscription_name": "projects/p/subscriptions/orders-archive",
        "message_id": message.message_id,
        "publish_time": message.publish_time,
        "attributes": message.attributes,
        "data": message.data,
    }
    for message in MESSAGES
]


def written(records=RECORDS, schema=MESSAGE_AVRO, **settings) -> bytes:
    file = io.BytesIO()
    fastavro.writer(file, fastavro.parse_schema(schema), records, **settings)
    return file.getvalue()


def read(data: bytes, topic: str = "unknown") -> list[Message | NotAMessage]:
    return list(read_avro(io.BytesIO(data), topic, path="folder/part.avro"))


@pytest.mark.parametrize("codec", ["null", "deflate"])
def test_messages_come_in_order_from_many_blocks(codec):
    assert read(written(codec=codec, sync_interval=200)) == MESSAGES


@pytest.mark.parametrize("codec", ["snappy", "zstandard", "bzip2", "xz"])
def test_files_of_every_codec_are_read(codec):
    # written by fastavro with the libraries of these codecs, which reading does not need
    found = read((DATA / f"{codec}.avro").read_bytes())
    assert [(m.topic, m.message_id, m.publish_time, m.attributes) for m in found] == [
        ("orders", str(number), 1_767_607_201_000_000 + number, {"ordering_key": "CUS-1"}) for number in range(3)
    ]
    assert [m.data[:52] for m in found] == [
        b'{"eventId": "00000000-0000-4000-8000-%012d", ' % number for number in range(3)
    ]


def test_our_own_archive_keeps_any_topic():
    odd = [Message(topic, "1", 1, {}, b"") for topic in ("news", "", "projects/p/subscriptions/orders")]
    assert read(archive_avro(odd), "customers") == odd


def test_a_file_without_records_has_no_messages():
    assert read(written([])) == []


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda data: b"not avro!", "not an Avro file"),
        (lambda data: b"", "not an Avro file"),
        (lambda data: data[:50], "the Avro file's header is damaged"),
        (lambda data: data.replace(b'"type": "record"', b'"type": "rec\\rd"'), "its schema is not a record"),
        (lambda data: data.replace(b'"string"', b'"strong"'), "it lacks"),
        (lambda data: data.replace(b"deflate", b"deflatf"), "the Avro file's codec is none of null, deflate"),
        (lambda data: data[:-1], "the Avro file is truncated or damaged at block 2"),
        (lambda data: data[:-8], "the Avro file is truncated or damaged at block 2"),
        (lambda data: data[:-40], "the Avro file is truncated or damaged at block 2"),
        (lambda data: data[:-1] + b"!", "the Avro file is truncated or damaged at block 2"),
        (lambda data: data + b"\xff" * 11, "the Avro file is truncated or damaged at block 3"),
        (lambda data: data + b"\x01\x00", "the Avro file is truncated or damaged at block 3"),
        (lambda data: data + b"\x02\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", "truncated or damaged at block 3"),
    ],
)
def test_damage_is_named_with_its_file(damage, reason):
    data = written(codec="deflate", sync_interval=1000)
    assert len(read(data)) == len(MESSAGES)
    with pytest.raises(DamagedInput, match=rf"^folder/part\.avro: .*{reason}"):
        read(damage(data))


def test_a_block_whose_record_count_is_wrong_is_damaged():
    data = written(RECORDS[:2])
    at = len(written([]))
    assert data[at] == 4
    for count in (2, 6, 8):
        with pytest.raises(DamagedInput, match="damaged at record"):
            read(data[:at] + bytes([count]) + data[at + 1 :])


def test_a_flipped_byte_in_a_length_is_named():
    data = bytearray(written(RECORDS[:3]))
    at = data.index(b"orders-archive") - 26
    data[at] ^= 0x40
    with pytest.raises(DamagedInput):
        read(bytes(data))


def test_a_block_that_inflates_beyond_the_limit_is_not_held(monkeypatch):
    monkeypatch.setattr(module, "MAX_INFLATED_BYTES", 1000)
    data = written([{**RECORDS[0], "data": b"x" * 5000}], codec="deflate")
    assert len(data) < 1000
    with pytest.raises(DamagedInput, match=r"part\.avro: block 1 inflates to more than 0 MiB"):
        read(data)


@pytest.mark.parametrize("codec", ["snappy", "zstandard", "bzip2", "xz"])
def test_every_codec_is_inflated_within_the_limit(codec, monkeypatch):
    monkeypatch.setattr(module, "MAX_INFLATED_BYTES", 100)
    with pytest.raises(DamagedInput, match="inflates to more than"):
        read((DATA / f"{codec}.avro").read_bytes())


def test_a_snappy_block_with_another_checksum_is_damaged():
    data = bytearray((DATA / "snappy.avro").read_bytes())
    data[-17] ^= 1
    with pytest.raises(DamagedInput, match="damaged at block"):
        read(bytes(data))


def test_a_deflated_block_that_ends_early_is_damaged():
    whole = zlib.compress(b"x" * 1000, wbits=-15)
    assert inflate("deflate", whole) == b"x" * 1000
    with pytest.raises(EOFError):
        inflate("deflate", whole[:-2])


def test_a_header_without_bounds_is_rejected():
    endless = b"Obj\x01" + b"\x02\x02a" + b"\xfe\xff\xff\xff\x0f"
    with pytest.raises(DamagedInput, match="header is damaged"):
        read(endless)
    many = b"Obj\x01" + b"\xfe\xff\xff\xff\x0f" + b"\x02a\x00" * 3_000_000
    with pytest.raises(DamagedInput, match="header is"):
        read(many)


def test_nulls_of_a_nullable_schema_are_no_messages():
    fields = [{**field, "type": ["null", field["type"]]} for field in MESSAGE_AVRO["fields"]]
    records = [RECORDS[0], {**RECORDS[1], "data": None}, {**RECORDS[2], "message_id": None}]
    kinds = [type(found) for found in read(written(records, {**MESSAGE_AVRO, "fields": fields}))]
    assert kinds == [Message, NotAMessage, NotAMessage]
