"""Payloads that are no JSON text get one code whatever bytes they start with, and a hint that quotes none of them."""

import json

import pytest

from schemas.decode.json_object import check_bytes
from schemas.decode.payload_format import binary_format, has_registry_prefix
from schemas.outcomes import Code, Rejected
from tests.support.events import make_event, make_message, rejected

EVENT = json.dumps(make_event()).encode()
AVRO = b"\x48" + b"B-2201" + b"\x02\x0ePACKED" + b"\x00" * 3
IDS = [0, 1, 10, 127, 128, 255, 256, 258, 0x7B00, 0x7B7B, 31_488, 65_535, 100_001, 0x7B002200, 0x5B005B00, 2**32 - 1]
LIKE_WIDE_TEXT = [0x7B00, 0x7B7B, 31_488, 0x7B002200, 0x5B005B00]
"""Ids whose bytes begin as UTF-16 or UTF-32 does: before anything but JSON the hint may name these."""


@pytest.mark.parametrize("schema_id", IDS)
@pytest.mark.parametrize(
    "payload", [EVENT, b" " + EVENT, AVRO, b"\x00" + AVRO], ids=["json", "space", "avro", "protobuf"]
)
def test_a_schema_registry_prefix_is_one_code_for_every_schema_id(schema_id, payload):
    if payload != EVENT and schema_id == 0:
        pytest.skip("a schema id starts at 1: zeros and binary data are of no known format")
    dead_letter = rejected(make_message(b"\x00" + schema_id.to_bytes(4, "big") + payload))
    assert (dead_letter.stage, dead_letter.code) == ("bytes", "ENCODING")
    if payload == EVENT or schema_id not in LIKE_WIDE_TEXT:
        assert "a zero byte and a schema id" in dead_letter.error_message


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "utf-16", "utf-32"])
@pytest.mark.parametrize("text", ['{"a": 1}', "{}", "[]", '["a"]', '{"{": 1}'])
def test_utf_16_and_utf_32_are_named(encoding, text):
    dead_letter = rejected(make_message(text.encode(encoding)))
    assert dead_letter.code == "ENCODING"
    assert dead_letter.error_message.startswith("the payload is not UTF-8 (it looks like UTF-")


@pytest.mark.parametrize(
    ("data", "code", "hint"),
    [
        (b"Obj\x01\x04\x14avro.codec\xff", Code.ENCODING, "it looks like an Avro file"),
        (b"\x0a\x24\xff\x12", Code.ENCODING, "it has control characters"),
        (b"\x0a\x05order\x12\x01", Code.JSON_SYNTAX, "it has control characters"),
        (b"PAR1....", Code.JSON_SYNTAX, "it looks like a Parquet file"),
    ],
    ids=["avro file", "protobuf", "protobuf in ASCII", "parquet"],
)
def test_a_binary_payload_is_named(data, code, hint):
    dead_letter = rejected(make_message(data))
    assert dead_letter.code == code
    assert hint in dead_letter.error_message


@pytest.mark.parametrize("data", [b"\x00", b"\x00{}", b'\x00\x00\x00{"a":1}', b"\x00" * 9, b"\x00\x01\x02\x03\x04"])
def test_zero_bytes_alone_are_no_prefix(data):
    assert not has_registry_prefix(data)


def test_text_has_no_binary_format():
    assert binary_format(b"not\tJSON\r\n") is None
    check_bytes(b"{}")
    with pytest.raises(Rejected):
        check_bytes(b"\x00\x00\x00\x00\x01{}")
