"""However a file is cut into ranges, every line comes once and in order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.sources import read_lines
from transforms.sources.file_ranges import plan_ranges
from transforms.sources.read_files import read_range


def lines_of(path, size, range_bytes, form="events"):
    found = []
    for part in plan_ranges(str(path), size, form, range_bytes):
        found += [message.data for message in read_range(part, 0)]
    return found


@given(
    st.lists(st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"").replace(b"\r", b"")), max_size=30),
    st.integers(1, 64),
    st.booleans(),
)
def test_every_line_comes_once(tmp_path_factory, lines, range_bytes, ends):
    data = b"\n".join(lines) + (b"\n" if ends else b"")
    path = tmp_path_factory.mktemp("lines") / "orders.jsonl"
    path.write_bytes(data)
    assert lines_of(path, len(data), range_bytes) == [line for line in lines if line]


@given(st.lists(st.sampled_from([b"", b"a", b"b\rb", b"c" * 20]), max_size=12), st.integers(1, 40), st.integers(1, 9))
def test_ends_of_lines_are_found_wherever_a_read_ends(tmp_path_factory, lines, range_bytes, read_bytes):
    data = b"\r\n".join(lines)
    path = tmp_path_factory.mktemp("ends") / "orders.jsonl"
    path.write_bytes(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(read_lines, "CHUNK_BYTES", read_bytes)
        assert lines_of(path, len(data), range_bytes) == [line for line in lines if line]
