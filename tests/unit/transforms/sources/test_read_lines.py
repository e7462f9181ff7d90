"""Lines come once and whole; of one over the limit the beginning, size and digest come, and what follows is read once."""

import hashlib
import io
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.sources import read_lines as module
from transforms.sources.read_lines import LongLine, read_lines


@pytest.fixture
def small_limits(monkeypatch):
    monkeypatch.setattr(module, "MAX_LINE_BYTES", 64)
    monkeypatch.setattr(module, "CHUNK_BYTES", 16)
    monkeypatch.setattr(module, "KEPT_BYTES", 10)


def lines_of(data: bytes, range_bytes: int):
    for start in range(0, len(data), range_bytes):
        for lines in read_lines(io.BytesIO(data), start, min(start + range_bytes, len(data))):
            yield from (line for line in lines if line)


SMALL = [b"L%03d...." % number for number in range(20)]


@pytest.mark.parametrize("range_bytes", [1, 7, 64, 128, 201, 1000])
@pytest.mark.parametrize("end", [b"", b"\n"], ids=["open end", "line end"])
def test_a_line_over_the_limit_is_one_and_what_follows_is_read_once(small_limits, range_bytes, end):
    long = b"x" * 200
    data = b"\n".join([*SMALL, long, *SMALL, long, long, *SMALL]) + end
    expected = LongLine(b"x" * 10, 200, hashlib.sha256(long).hexdigest())
    assert Counter(lines_of(data, range_bytes)) == Counter([*SMALL * 3, *[expected] * 3])


@pytest.mark.parametrize(("size", "long"), [(64, False), (65, True)], ids=["at the limit", "over it"])
def test_the_limit_is_exact(small_limits, size, long):
    [line] = lines_of(b"x" * size + b"\n", 1000)
    assert isinstance(line, LongLine) == long


def test_a_range_within_a_line_reads_no_more_than_itself():
    class Counting(io.BytesIO):
        read_bytes = 0

        def read(self, size=-1):
            data = super().read(size)
            self.read_bytes += len(data)
            return data

    data, step = b"x" * (40 << 20) + b"\n" + b"y\n", 4 << 20
    total, found = 0, []
    for start in range(0, len(data), step):
        file = Counting(data)
        found += [line for lines in read_lines(file, start, min(start + step, len(data))) for line in lines]
        total += file.read_bytes
    assert [line if isinstance(line, bytes) else line.size for line in found] == [40 << 20, b"y"]
    assert total < 2.2 * len(data)


def test_short_lines_come_in_short_lists():
    lists = list(read_lines(io.BytesIO(b"a\n" * 10_000), 0, None))
    assert [len(lines) for lines in lists] == [4096, 4096, 1808]


def test_empty_lines_come_so_that_lines_can_be_numbered():
    assert list(read_lines(io.BytesIO(b"\n\r\na\r\n\n"), 0, None)) == [[b"", b"", b"a", b""]]


@given(
    st.lists(st.sampled_from([b"", b"a", b"b\rb", b"c" * 20, b"d" * 70]), max_size=12),
    st.integers(1, 200),
    st.integers(1, 9),
    st.sampled_from([b"\n", b"\r\n"]),
)
def test_however_a_file_is_read_every_line_comes_once(lines, range_bytes, read_bytes, end):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CHUNK_BYTES", read_bytes)
        patch.setattr(module, "MAX_LINE_BYTES", 64)
        found = list(lines_of(end.join(lines), range_bytes))
    expected = [line if len(line) < 64 else len(line) for line in lines if line]
    sizes = [line if isinstance(line, bytes) else line.size - line.size % 10 for line in found]
    assert sizes == expected
