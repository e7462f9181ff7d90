"""An id is found in a payload through any nesting of up to three encodings, and cut off on either side."""

import base64
import bz2
import gzip
import json
import zlib
from urllib.parse import quote

from hypothesis import example, given
from hypothesis import strategies as st

from schemas.personal_data_search import Mentions

ID = "CUS-77"
OTHERS = 'ABCxyz019 ,;{}"\n'
ENCODERS = {
    "base64": base64.b64encode,
    "url-safe": base64.urlsafe_b64encode,
    "base64-lines": base64.encodebytes,
    "gzip": gzip.compress,
    "gzip-second": lambda data: gzip.compress(b"first") + gzip.compress(data),
    "bzip2-second": lambda data: bz2.compress(b"first") + bz2.compress(data),
    "zlib": zlib.compress,
    "json": lambda data: json.dumps(data.decode("latin-1")).encode(),
    "json-all": lambda data: "".join(f"\\u{byte:04x}" for byte in data).encode(),
    "percent": lambda data: quote(data, safe="").encode(),
    "percent-all": lambda data: "".join(f"%{byte:02X}" for byte in data).encode(),
    "hex": lambda data: data.hex().encode(),
    "hex-upper": lambda data: data.hex().upper().encode(),
}


def surrounded(before: str, after: str) -> bytes:
    return f"{before} customer {ID} {after}".encode()


@given(
    st.text(OTHERS, max_size=30),
    st.text(OTHERS, max_size=30),
    st.lists(st.sampled_from(sorted(ENCODERS)), max_size=3),
)
@example("", "", ["json-all", "percent-all", "json"])
def test_an_id_is_found_through_any_nesting(before, after, names):
    data = surrounded(before, after)
    for name in names:
        data = ENCODERS[name](data)
    assert Mentions(ID).in_bytes(data)
    assert not Mentions("CUS-78").in_bytes(data)


@given(
    st.binary(max_size=40),
    st.binary(max_size=40),
    st.sampled_from(["base64", "url-safe", "hex", "hex-upper"]),
    st.integers(0, 200),
    st.integers(0, 200),
)
def test_an_id_is_found_in_a_torn_line_wherever_it_is_torn(before, after, name, cut_before, cut_after):
    begin, unit = len(before) + 1, {"hex": 2, "hex-upper": 2}.get(name, 4 / 3)
    data = ENCODERS[name](before + b" " + ID.encode() + b" " + after)
    first, last = int(begin * unit), int((begin + len(ID)) * unit) + 2
    torn = data[min(cut_before, first) : max(last, len(data) - cut_after)]
    assert Mentions(ID).in_bytes(torn)
