"""JSON values are found wherever their line ends are, and no text between them is lost."""

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.sources import read_lines
from transforms.sources.read_lines import LongLine
from transforms.sources.read_values import read_values


def values(text: str | bytes, chunk: int = 1 << 20):
    data = text.encode() if isinstance(text, str) else text
    chunks = [data[start : start + chunk] for start in range(0, len(data), chunk)]
    return [(value.line, value.text) for value in read_values(chunks)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": 1}', [(1, b'{"a": 1}')]),
        ('\n{\n"a": 1\n}\n{"b": 2}', [(2, b'{\n"a": 1\n}'), (5, b'{"b": 2}')]),
        ('[{"a": 1},\n {"b": 2}]', [(1, b'{"a": 1}'), (2, b'{"b": 2}')]),
        ('[{"a": [1, {"c": []}]}]', [(1, b'{"a": [1, {"c": []}]}')]),
        ('{"a": "}\\"{"}{"b": "\\\\"}', [(1, b'{"a": "}\\"{"}'), (1, b'{"b": "\\\\"}')]),
        ("[]", []),
        (" \n ", []),
        ('{"a": 1} lost {"b": 2}', [(1, b'{"a": 1}'), (1, b"lost"), (1, b'{"b": 2}')]),
        ('{"a": [}\n{"b": 2}', [(1, b'{"a": [}\n{"b": 2}')]),
        ('{"a": "x', [(1, b'{"a": "x')]),
        ("[1, null]", [(1, b"1"), (1, b"null")]),
        (b'\xef\xbb\xbf{"a": 1}', [(1, b'{"a": 1}')]),
    ],
    ids=["one", "lines", "array", "nested", "strings", "empty", "blank", "text", "not closed", "cut", "scalars", "BOM"],
)
def test_values_are_found(text, expected):
    assert values(text) == expected


def test_a_value_over_the_limit_is_cut_and_the_next_is_read(monkeypatch):
    monkeypatch.setattr(read_lines, "MAX_LINE_BYTES", 64)
    monkeypatch.setattr(read_lines, "KEPT_BYTES", 10)
    large = b'{"a": "' + b"x" * 100 + b'"}'
    expected = LongLine(large[:10], len(large), hashlib.sha256(large).hexdigest())
    for chunk in (7, 1000):
        assert values(b"[" + large + b',{"b": 1}]', chunk) == [(1, expected), (1, b'{"b": 1}')]


documents = st.dictionaries(
    st.text(max_size=5), st.recursive(st.text(max_size=5) | st.integers(), lambda inner: st.lists(inner, max_size=3))
)


@given(st.lists(documents, max_size=5), st.sampled_from([None, 0, 2]), st.booleans(), st.integers(1, 9))
def test_any_objects_come_back(objects, indent, as_array, chunk):
    texts = [json.dumps(document, indent=indent, ensure_ascii=False).encode() for document in objects]
    text = b"[" + b",\n".join(texts) + b"]" if as_array else b"\n".join(texts)
    assert [found for _, found in values(text, chunk)] == texts
