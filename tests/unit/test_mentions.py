"""Whether bytes name an entity, however they are dressed, and that a longer id is another's."""

import base64
import bz2
import gzip
import json
import zlib

import pytest

from schemas.mentions import Mentions

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


@pytest.mark.parametrize("other", ["C-1.ab", "C-1.a-2", "XC-1.a", "X-C-1.a", "C-1.a@b", "c-1.a", "C-1xa", "C-1"])
def test_another_id_is_not_this_one(other):
    assert not Mentions(NAME).in_bytes(json.dumps({"customerId": other}).encode())


def test_attributes_are_looked_through_too():
    assert Mentions(NAME).in_message(b"", {"customer": "C-1.a"})
    assert Mentions(NAME).in_message(b"", {"C-1.a": ""})
    assert not Mentions(NAME).in_message(b"", {"customer": "C-1.ab"})


@pytest.mark.parametrize(
    "data", [b"", b"x", b"x\x9c", b"\x1f\x8b", b"BZh9", b"BZh91AY&SYxx", b"\\u00", b"\0" * 9, b"A" * 17]
)
def test_odd_bytes_are_no_error(data):
    assert not Mentions(NAME).in_bytes(data)
