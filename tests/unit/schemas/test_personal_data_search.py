"""Whether bytes name an entity, however they are dressed, and that a longer id is another's."""

import base64
import bz2
import gzip
import json
import string
import zlib

import pytest

import schemas.personal_data_search
from schemas.personal_data_search import Mentions

NAME = "C-1.a"
PLAIN = b'{"customerId":"C-1.a","email":"a@b.example"}'


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
    ],
)
def test_a_name_is_found_in_every_dress(data):
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


@pytest.mark.parametrize("filler", ["", " ", "  "], ids=len)
def test_a_name_at_the_end_of_base64_is_found_whatever_its_last_letter(filler):
    for letter in string.ascii_letters + string.digits:
        name = f"C-1.{letter}"
        assert Mentions(name).in_bytes(base64.b64encode(f"the customer {filler}{name}".encode())), name


@pytest.mark.parametrize("compress", [gzip.compress, zlib.compress, bz2.compress])
def test_no_more_is_inflated_than_the_limit(compress, monkeypatch):
    monkeypatch.setattr(schemas.personal_data_search, "_INFLATED_BYTES", 64)
    assert Mentions(NAME).in_bytes(compress(PLAIN + b" " * 64))
    assert not Mentions(NAME).in_bytes(compress(b" " * 64 + PLAIN))


def test_attributes_are_looked_through_too():
    assert Mentions(NAME).in_message(b"", {"customer": "C-1.a"})
    assert Mentions(NAME).in_message(b"", {"C-1.a": ""})
    assert not Mentions(NAME).in_message(b"", {"customer": "C-1.ab"})


@pytest.mark.parametrize(
    "data", [b"", b"x", b"x\x9c", b"\x1f\x8b", b"BZh9", b"BZh91AY&SYxx", b"\\u00", b"\0" * 9, b"A" * 17]
)
def test_odd_bytes_are_no_error(data):
    assert not Mentions(NAME).in_bytes(data)
