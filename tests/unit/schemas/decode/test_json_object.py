"""What a payload is before it is JSON: its bytes, its size, its depth."""

import bz2
import contextlib
import gzip
import lzma
import time
import zlib

import pytest
import zstandard

from schemas.decode.json_object import is_compressed, parse_object
from schemas.message import MAX_BYTES
from schemas.outcomes import Code, Rejected
from tests.support.payloads import code_of, inspected

TEXT = b'{"eventId": "x", "data": {"a": [1, 2.5, "three", null, true]}}'


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


def test_an_endless_text_is_not_deep():
    assert code_of(b'{"x":"' + b"[" * 1000) is Code.JSON_SYNTAX


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
def test_no_payload_is_slow(data):
    begun = time.process_time()
    parse_object(data)
    with contextlib.suppress(Rejected):
        inspected(data)
    assert time.process_time() - begun < 3
