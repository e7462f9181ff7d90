"""An id is found in every encoding that docs/personal-data.md names, and a longer id belongs to someone else."""

import base64
import bz2
import gzip
import json
import lzma
import os
import quopri
import string
import time
import zlib
from urllib.parse import quote

import pyarrow as pa
import pytest

import schemas.hidden_text
from schemas.personal_data_search import Mentions

NAME = "C-1.a"
PLAIN = b'{"customerId":"C-1.a","email":"a@b.example"}'


def lz4_frame(data):
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "lz4") as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(PLAIN, id="json"),
        pytest.param(PLAIN[:21], id="torn"),
        pytest.param(b"customer C-1.a, she said", id="text"),
        pytest.param(b"it was C-1.a.", id="end-of-sentence"),
        pytest.param(PLAIN.replace(b"C-1", b"\\u0043-\\u0031"), id="escapes"),
        pytest.param(PLAIN.decode().encode("utf-16"), id="utf-16"),
        pytest.param(PLAIN.decode().encode("utf-16-be"), id="utf-16-be"),
        pytest.param(PLAIN.decode().encode("utf-32"), id="utf-32"),
        pytest.param(gzip.compress(PLAIN), id="gzip"),
        pytest.param(gzip.compress(PLAIN * 50)[:-9], id="gzip-cut-off"),
        pytest.param(zlib.compress(PLAIN), id="zlib"),
        pytest.param(bz2.compress(PLAIN), id="bzip2"),
        pytest.param(b'{"topic":"customers","data":"' + base64.b64encode(PLAIN) + b'"}', id="message-line"),
        pytest.param(b'{"topic":"customers","data":"' + base64.b64encode(PLAIN)[:-3], id="torn-message-line"),
        pytest.param(base64.b64encode(gzip.compress(PLAIN)), id="gzip-in-base64"),
        pytest.param(gzip.compress(b"{}") + gzip.compress(PLAIN), id="second-gzip-member"),
        pytest.param(gzip.compress(b"{}") * 40 + gzip.compress(PLAIN), id="late-gzip-member"),
        pytest.param(b"\n" + gzip.compress(PLAIN), id="gzip-behind-a-line-break"),
        pytest.param(bz2.compress(b"{}") + bz2.compress(PLAIN), id="second-bzip2-stream"),
        pytest.param(b"\0\0\0\0\7" + zlib.compress(PLAIN), id="zlib-behind-a-prefix"),
        pytest.param(gzip.compress(gzip.compress(PLAIN)), id="gzip-in-gzip"),
        pytest.param(gzip.compress(os.urandom(2000) + PLAIN + os.urandom(2000))[:-900], id="gzip-damaged-later"),
        pytest.param(json.dumps(gzip.compress(PLAIN).decode("latin-1")).encode(), id="gzip-in-escapes"),
        pytest.param(gzip.compress(PLAIN).decode("latin-1").encode(), id="gzip-in-utf-8"),
        pytest.param(quote(gzip.compress(PLAIN), safe="").encode(), id="gzip-in-percent"),
        pytest.param(lzma.compress(PLAIN), id="xz"),
        pytest.param(pa.compress(PLAIN, "zstd", asbytes=True), id="zstd"),
        pytest.param(lz4_frame(PLAIN), id="lz4"),
        pytest.param(base64.urlsafe_b64encode("ÿþ?>ü".encode("latin-1") * 9 + PLAIN), id="url-safe-base64"),
        pytest.param(base64.encodebytes(b"." * 50 + PLAIN), id="base64-in-lines"),
        pytest.param(json.dumps(base64.encodebytes(b"." * 50 + PLAIN).decode()).encode(), id="base64-in-lines-in-json"),
        pytest.param(base64.b64encode(base64.b64encode(PLAIN)), id="base64-in-base64"),
        pytest.param(PLAIN.hex().encode(), id="hexadecimal"),
        pytest.param(b"a" + PLAIN.hex().upper().encode(), id="hexadecimal-torn"),
        pytest.param(PLAIN.hex(" ").encode(), id="hexadecimal-pairs"),
        pytest.param(", ".join(map(hex, PLAIN)).encode(), id="hexadecimal-literals"),
        pytest.param(json.dumps(list(PLAIN)).encode(), id="list-of-numbers"),
        pytest.param(quote(PLAIN.decode(), safe="").encode(), id="percent"),
        pytest.param("".join(f"%{byte:02x}" for byte in PLAIN).encode(), id="percent-all"),
        pytest.param(quote(quote(PLAIN.decode(), safe="")).encode(), id="percent-twice"),
        pytest.param(b"customer=3DC=2D1=2Ea;", id="quoted-printable"),
        pytest.param(quopri.encodestring(b"." * 66 + b" customer C-1.a and more"), id="quoted-printable-soft-break"),
        pytest.param(b"<id>&#67;&#x2d;1&#46;a</id>", id="entities"),
        pytest.param(b'"\\u0043%2D1\\u002e&#97;"', id="mixed-escapes"),
        pytest.param(b'"\\x43-\\061.\\u{61}"', id="escapes-of-other-languages"),
        pytest.param(json.dumps(json.dumps(json.dumps("\u20ac\nC-1.a"))).encode(), id="json-in-json-in-json"),
        pytest.param(b'"note: bought by\\nC-1.a\\tyesterday"', id="behind-an-escaped-line-break"),
        pytest.param(b"x=C\\u002d1.a", id="escape-behind-an-equals-sign"),
    ],
)
def test_an_id_is_found_in_every_encoding(data):
    assert Mentions(NAME).in_bytes(data)
    assert not Mentions("C-2").in_bytes(data)


@pytest.mark.parametrize("other", ["C-1.ab", "C-1.a-2", "XC-1.a", "X-C-1.a", "C-1.a@b", "c-1.a", "C-1xa", "C-1",
                                   "xC-1.a", "x.C-1.a", "C-1.aB", "C-1.a.B"])  # fmt: skip
def test_another_id_is_not_this_one(other):
    assert not Mentions(NAME).in_bytes(json.dumps({"customerId": other}).encode())


def test_a_name_is_found_in_base64_that_is_torn_anywhere_behind_it():
    text = base64.b64encode(PLAIN)
    name_ends = 27
    assert NAME.encode() in base64.b64decode(text[:name_ends] + b"=")
    for end in range(name_ends, len(text) + 1):
        assert Mentions(NAME).in_bytes(text[:end]), end
        assert Mentions(NAME).in_bytes(text[:end] + b"=1"), end


def test_an_id_is_found_in_base64_that_is_torn_anywhere_before_it():
    text = base64.b64encode(b'{"topic": "customers", ' + PLAIN[1:])
    id_begins = 48
    assert base64.b64decode(text[:id_begins]).endswith(b'"customerId":')
    for start in range(id_begins):
        assert Mentions(NAME).in_bytes(text[start:]), start
        assert Mentions(NAME).in_bytes(b"\xff" + text[start:]), start


@pytest.mark.parametrize("filler", ["", " ", "  "], ids=len)
def test_an_id_at_the_end_of_base64_is_found_for_any_last_character(filler):
    for character in string.ascii_letters + string.digits:
        name = f"C-1.{character}"
        assert Mentions(name).in_bytes(base64.b64encode(f"the customer {filler}{name}".encode())), name


@pytest.mark.parametrize("compress", [gzip.compress, zlib.compress, bz2.compress])
def test_no_more_is_inflated_than_the_limit(compress, monkeypatch):
    monkeypatch.setattr(schemas.hidden_text, "MAX_INFLATED_BYTES", 64)
    assert Mentions(NAME).in_bytes(compress(PLAIN + b" " * 64))
    assert not Mentions(NAME).in_bytes(compress(b" " * 64 + PLAIN))


def test_attributes_are_looked_through_too():
    assert Mentions(NAME).in_message(b"", {"customer": "C-1.a"})
    assert Mentions(NAME).in_message(b"", {"C-1.a": ""})
    assert not Mentions(NAME).in_message(b"", {"customer": "C-1.ab"})


@pytest.mark.parametrize(
    "data", [b"", b"x", b"x\x9c", b"\x1f\x8b", b"BZh9", b"BZh91AY&SYxx", b"\\u00", b"\0" * 9, b"A" * 17]
)
def test_unusual_bytes_are_not_an_error(data):
    assert not Mentions(NAME).in_bytes(data)


HOSTILE = {
    "random": os.urandom(1 << 20),
    "bomb": gzip.compress(b"a" * (200 << 20)),
    "every-escape": (b"\\u0041\\\\%41=41&#65;\\101\0 " + b"A" * 20 + b" 414141 ") * 20_000,
    "gzip-headers": b"\x1f\x8b\x08" * 300_000,
    "zlib-blocks": b"x\x01\x00\xff\xff\x00\x00" * 140_000,
    "base64-digits": b"A" * (1 << 20),
    "hexadecimal-digits": b"41" * (1 << 19),
    "numbers": b"1," * (1 << 19),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_payload_is_searched_in_bounded_time(data):
    began = time.process_time()
    assert not Mentions("CUS-0000001").in_bytes(data)
    assert time.process_time() - began < 20
