"""From bytes to a JSON object: the stages `bytes` and `json`, their order and their limits."""

import bz2
import contextlib
import gzip
import json
import lzma
import time
import zlib
from decimal import Decimal

import pytest
import zstandard

from schemas.outcomes import Code, Refused, Stage
from schemas.payload import MAX_BYTES, inspect_object, is_compressed, parse_object

TEXT = b'{"eventId": "x", "data": {"a": [1, 2.5, "three", null, true]}}'


def inspected(data: bytes):
    return inspect_object(data, lambda value: ())


def code_of(data: bytes) -> Code:
    with pytest.raises(Refused) as refused:
        inspected(data)
    return refused.value.code


@pytest.mark.parametrize(
    "compressed",
    [
        gzip.compress(TEXT),
        *(zlib.compress(TEXT, level) for level in (0, 1, 5, 6, 9)),
        *(bz2.compress(TEXT, level) for level in (1, 9)),
        lzma.compress(TEXT),
        zstandard.compress(TEXT),
        b"\x04\x22\x4d\x18" + bytes(20),
        b"\xff\x06\x00\x00sNaPpY",
        b"PK\x03\x04" + bytes(20),
        b"\x1f\x8b",
        b"x\x01{}",
    ],
    ids=[
        "gzip",
        "zlib 0",
        "zlib 1",
        "zlib 5",
        "zlib 6",
        "zlib 9",
        "bzip2 1",
        "bzip2 9",
        "xz",
        "zstd",
        "lz4",
        "snappy",
        "zip",
        "gzip cut",
        "zlib ascii",
    ],
)
def test_compressed_payloads_are_known_and_not_inflated(compressed):
    assert is_compressed(compressed)
    assert code_of(compressed) is Code.COMPRESSED


@pytest.mark.parametrize("text", [b"x^2", b"x^2 + y^2\n", "xڀ".encode(), b"BZh", b"PK", TEXT, b"", b"x"], ids=repr)
def test_text_that_begins_like_compressed_bytes_is_text(text):
    assert not is_compressed(text)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", Code.EMPTY),
        (b" \t\r\n", Code.EMPTY),
        (b"\xef\xbb\xbf", Code.EMPTY),
        (b"\xef\xbb\xbf \n", Code.EMPTY),
        (b"\x0b", Code.JSON_SYNTAX),
        (b"\xc2\xa0", Code.JSON_SYNTAX),
        *((TEXT.decode().encode(name), Code.ENCODING) for name in ("utf-16", "utf-16-le", "utf-16-be")),
        *((TEXT.decode().encode(name), Code.ENCODING) for name in ("utf-32", "utf-32-le", "utf-32-be")),
        ("[1]".encode("utf-16-le"), Code.ENCODING),
        (b"\xff", Code.ENCODING),
        (b'"\xc0\xaf"', Code.ENCODING),
        (b'"\xed\xa0\x80"', Code.ENCODING),
        (b'"\xf4\x90\x80\x80"', Code.ENCODING),
        ('"é"'.encode("latin-1"), Code.ENCODING),
        (b'{"a": 1}\x00', Code.JSON_SYNTAX),
        (b"\x00", Code.JSON_SYNTAX),
        (b"{\x00}", Code.JSON_SYNTAX),
    ],
    ids=lambda value: repr(value[:20]) if isinstance(value, bytes) else value.value,
)
def test_bytes_that_are_no_utf_8_text(data, code):
    assert code_of(data) is code


def sized(size: int) -> bytes:
    return b'{"pad":"' + b"a" * (size - 10) + b'"}'


def test_the_limit_itself_is_within_the_limit():
    assert len(sized(MAX_BYTES)) == MAX_BYTES
    assert parse_object(sized(MAX_BYTES)) == inspected(sized(MAX_BYTES)) != None  # noqa: E711
    assert parse_object(sized(MAX_BYTES + 1)) is None
    assert code_of(sized(MAX_BYTES + 1)) is Code.TOO_LARGE


@pytest.mark.parametrize(
    "data",
    [b"\x1f\x8b" + bytes(MAX_BYTES), b"\xff" * (MAX_BYTES + 1), b" " * (MAX_BYTES + 1)],
    ids=[
        "gzip",
        "binary",
        "blanks",
    ],
)
def test_size_is_checked_first(data):
    assert code_of(data) is Code.TOO_LARGE


@pytest.mark.parametrize(
    "text",
    [
        "{", "}", "{]", "[1,]", '{"a":1,}', '{"a" 1}', "{'a':1}", '{a:1}', '{"a":1}x', '{"a":1} {"a":1}', '{"a":01}',
        '{"a":+1}', '{"a":.5}', '{"a":1.}', '{"a":1e}', '{"a":0x1}', '{"a":-}', '{"a":1_0}', '{"a":\u0661}',
        '{"a":tru}',
        '{"a":True}', '{"a":nan}', '{"a":"\t"}', '{"a":"\\x41"}', '{"a":"\\u12g4"}', '{"a":"\\u 123"}', '{"a":"',
        '{"a":"\\', '// x\n{}', '{"a":1}/**/', '<html/>', '\ufeff\ufeff{}', '{"a":\ufeff1}', '{"a":\u00a01}',
        "\u2028{}",
    ],
    ids=repr,
)  # fmt: skip
def test_what_is_not_json_is_not_json(text):
    assert parse_object(text.encode()) is None
    assert code_of(text.encode()) is Code.JSON_SYNTAX


def nested(depth: int, opening: str = "[", closing: str = "]") -> bytes:
    return (opening * depth + "1" * ("{" in opening) + closing * depth).encode()


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")], ids=["arrays", "objects"])
def test_64_levels_are_accepted_and_65_are_not(opening, closing):
    assert inspected(b'{"x":' + nested(63, opening, closing) + b"}")
    for deep in (64, 199, 201, 1_000, 100_000):
        assert code_of(b'{"x":' + nested(deep, opening, closing) + b"}") is Code.JSON_DEPTH


@pytest.mark.parametrize(
    "text",
    ['{"x":"' + "[{" * 100 + '"}', '{"x":"\\"' + "[" * 100 + '"}', '{"x":[' + "[]," * 100 + "[]]}"],
    ids=["in a text", "behind an escaped quote", "side by side"],
)
def test_brackets_that_do_not_nest_are_no_depth(text):
    assert inspected(text.encode())


def test_an_endless_text_is_no_depth():
    assert code_of(b'{"x":"' + b"[" * 1000) is Code.JSON_SYNTAX


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("NaN", Code.JSON_NUMBER),
        ("Infinity", Code.JSON_NUMBER),
        ("-Infinity", Code.JSON_NUMBER),
        ("1e400", Code.JSON_NUMBER),
        ("-1e309", Code.JSON_NUMBER),
        ("1e9999999", Code.JSON_NUMBER),
        ("1e99999999999999999999", Code.JSON_NUMBER),
        ("1.7976931348623159e308", Code.JSON_NUMBER),
        ("9" * 5000, Code.JSON_NUMBER),
        ("9" * 401, Code.JSON_NUMBER),
        ("-NaN", Code.JSON_SYNTAX),
        ("+Infinity", Code.JSON_SYNTAX),
    ],
    ids=lambda value: value[:12],
)
def test_numbers_that_are_not_finite(number, code):
    data = f'{{"x":{number}}}'.encode()
    assert code_of(data) is code
    assert code_of(f"[{number}]".encode()) is code


@pytest.mark.parametrize(
    "number", ["1.7976931348623157e308", "-0.0", "1e-400", "1e-9999999", "0e400", "0." + "3" * 5000]
)
def test_numbers_that_are_finite_keep_their_text(number):
    data = f'{{"x":{number}}}'.encode()
    assert inspected(data) == parse_object(data) == {"x": Decimal(number)}


@pytest.mark.parametrize(
    "text",
    ['{"a":1,"a":1}', '{"a":1,"\\u0061":2}', '{"x":{"a":1,"a":2}}', '{"x":[{"":0,"":0}]}', '{"a":1,"b":2,"a":3}'],
)
def test_a_key_that_stands_twice(text):
    assert parse_object(text.encode()) is None
    assert code_of(text.encode()) is Code.JSON_DUPLICATE_KEY


def test_of_a_key_that_stands_twice_no_value_is_read():
    with pytest.raises(Refused) as refused:
        inspected(b'{"a":1,"b":2,"a":3}')
    assert refused.value.value == {"b": 2}


@pytest.mark.parametrize(
    "text",
    ['{"a":"\\ud800"}', '{"a":"\\udc00\\ud800"}', '{"\\udfff":1}', '{"a":["\\ud83d "]}', '["\\ud800"]', '"\\ud800"'],
)
def test_half_a_surrogate_pair_is_no_text(text):
    assert parse_object(text.encode()) is None
    assert code_of(text.encode()) is Code.STRING_CONTENT


def test_a_surrogate_pair_is_one_character():
    assert inspected(b'{"a":"\\ud83d\\ude80"}') == parse_object(b'{"a":"\\ud83d\\ude80"}') == {"a": "🚀"}
    assert inspected('{"a":"\\\\ud800 é"}'.encode()) == {"a": "\\ud800 é"}


@pytest.mark.parametrize("text", ["[]", "null", "1", "-0.5", '"{}"', "true", "[{}]", "\ufeff[]", " 1 "])
def test_a_top_level_that_is_no_object(text):
    assert parse_object(text.encode()) is None
    assert code_of(text.encode()) is Code.NOT_OBJECT


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('{"a":NaN,"a":1', Code.JSON_SYNTAX),
        ('{"a":NaN,"b":1,"b":1}', Code.JSON_NUMBER),
        ('{"a":"\\ud800","b":1,"b":1}', Code.JSON_DUPLICATE_KEY),
        ('["\\ud800"]', Code.STRING_CONTENT),
        ("[NaN]", Code.JSON_NUMBER),
    ],
)
def test_of_several_faults_the_first_in_the_order_names_the_code(text, code):
    assert code_of(text.encode()) is code


def test_what_the_caller_sees_counts_by_the_same_order():
    with pytest.raises(Refused) as refused:
        inspect_object(b'{"a":"\\ud800","b":2}', lambda value: [Code.KEY_COLLISION])
    assert (refused.value.stage, refused.value.code) == (Stage.JSON, Code.KEY_COLLISION)


@pytest.mark.parametrize(
    "text",
    ['{"a":1}', ' \n{"a":1}\t', '\ufeff{"a":1}', json.dumps({"a": 1}, indent=4)],
    ids=["plain", "white space", "BOM", "pretty"],
)
def test_what_is_odd_is_read_all_the_same(text):
    assert inspected(text.encode()) == {"a": 1}


@pytest.mark.parametrize(
    "data",
    [
        b"[" * MAX_BYTES,
        b'{"a":' * 200_000,
        b'"' * MAX_BYTES,
        b'"' + b"\\" * (MAX_BYTES - 1),
        b'{"a":"' + b'\\"' * 500_000 + b'"}',
        b'{"a":' + b"9" * 1_000_000 + b"}",
        b'{"a":0.' + b"9" * 1_000_000 + b"}",
        b'{"a":1e' + b"9" * 1_000_000 + b"}",
        b'{"a":[' + b"{}," * 300_000 + b"{}]}",
        b"{" + b",".join(b'"%x":0' % number for number in range(100_000)) + b"}",
    ],
    ids=["arrays", "objects", "quotes", "backslashes", "escapes", "integer", "fraction", "exponent", "items", "keys"],
)
def test_no_payload_takes_long(data):
    begun = time.process_time()
    parse_object(data)
    with contextlib.suppress(Refused):
        inspected(data)
    assert time.process_time() - begun < 3
