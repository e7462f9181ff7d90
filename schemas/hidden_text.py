"""The texts that bytes hold in an encoding: escapes, base64, hexadecimal, UTF-16, and compressed data.

Encodings may be nested. Base64 and hexadecimal digits are read from every place at which a group of them can begin,
since a torn line begins in the middle of one. Compressed data is found anywhere, not only at the beginning, and so is
every further member of it.
"""

import binascii
import bz2
import lzma
import re
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

import pyarrow as pa

MAX_DEPTH = 5
"""How deep base64, hexadecimal and compressed data may be nested, with any escapes in between."""
ESCAPE_ROUNDS = 4
MAX_INFLATED_BYTES = 16 << 20
"""How much of one compressed stream is read: what a decompression bomb holds beyond is not worth the memory."""
MAX_TOTAL_BYTES = 64 << 20
"""How much hidden text of one message is searched in all; a place that looks compressed counts as 4 KiB."""
_START_COST = 4096
_PIECE = 512
"""Bytes that are decompressed at a time: damaged data is read up to the piece with the damage."""
_CHUNK = 1 << 16
_ONE_ENCODING = re.compile(rb"[0-9a-fA-F+-]+|.{,11}", re.DOTALL)
"""Base64 digits that hold no second encoding of an id: UUIDs, times and words are decoded once."""

_BACKSLASH = re.compile(  # JSON, JavaScript, Python, C
    rb"\\(?:(?:u00|u\{0*|U000000|x)([0-9a-fA-F]{2})\}?|([0-3][0-7]{2})|([nrtbfva0\"'/\\]))"
)
_CHARACTERS = dict(zip(b"nrtbfva0", b"\n\r\t\b\f\v\a\0", strict=True))
_PERCENT = re.compile(rb"%([0-9a-fA-F]{2})")
_QUOTED_PRINTABLE = re.compile(rb"=(?:([0-9a-fA-F]{2})|\r?\n)")
_ENTITY = re.compile(rb"&#(?:[xX]0*([0-9a-fA-F]{2})|0*([0-9]{2,3}));?")
_LINE_BREAK = re.compile(rb"(?<=[A-Za-z0-9+/_-])(?:[\r\n]|\\r|\\n)+[\t ]*(?=[A-Za-z0-9+/_=-])")
_COMPRESSED = re.compile(
    rb"(?P<gzip>\x1f\x8b\x08)|(?P<bz2>BZh[1-9](?:1AY&SY|\x17rE8P\x90))|(?P<xz>\xfd7zXZ\0)"
    rb"|(?P<zstd>\x28\xb5\x2f\xfd)|(?P<lz4>\x04\x22\x4d\x18)|(?P<zlib>x[\x01\x5e\x9c\xda])"
)
_URL_SAFE = bytes.maketrans(b"-_", b"+/")


def hidden_texts(data: bytes, shortest: int) -> Iterator[bytes]:
    """Yield every text that the bytes hold in an encoding, and what those hold in turn.

    Args:
        data: a payload, or a part of one.
        shortest: the length in bytes of the shortest text of interest; shorter encoded texts are left out.
    """
    waiting, seen, left = deque([(data, 0)]), {hash(data)}, MAX_TOTAL_BYTES
    while waiting:
        outer, depth = waiting.popleft()
        for text, cost, nests in _decoded(outer, shortest):
            left -= cost
            if left < 0:
                return
            if len(text) >= shortest and hash(text) not in seen:
                seen.add(hash(text))
                yield text
                if nests and depth + 1 < MAX_DEPTH:
                    waiting.append((text, depth + 1))


Decoded = tuple[bytes, int, bool]
"""A text, what it cost of the budget in bytes, and whether it may hold a further encoding."""


def _decoded(data: bytes, shortest: int) -> Iterator[Decoded]:
    for text, read in _decompressed(data):
        yield text, len(text) + read + _START_COST, True
    if b"\xc2" in data or b"\xc3" in data:  # compressed data that was taken for Latin-1 and written as UTF-8
        latin = data.decode("utf-8", "ignore").encode("latin-1", "ignore")
        for text, read in _decompressed(latin):
            yield text, len(text) + read + _START_COST, True
    ascii_texts = [_ascii_of(data, shortest)]
    if b"\0" in data:  # ids are ASCII: in UTF-16 and UTF-32 they are ASCII with zeros between
        ascii_texts.append(_ascii_of(data.replace(b"\0", b""), shortest))
    for plain in ascii_texts:
        last = plain
        for last in _unescaped(plain):
            yield last, len(last), not last.isascii()  # compressed data, with escapes
        for text in dict.fromkeys((plain, last)):
            yield text, 0, False
            yield from _from_base64(text, shortest)
            yield from _from_numbers(text, shortest)
    for plain in ascii_texts:  # by itself: it would destroy an id behind `=` in the other forms
        soft = _QUOTED_PRINTABLE.sub(_from_escape, plain) if b"=" in plain else plain
        if soft != plain:
            yield soft, len(soft), not soft.isascii()
            yield from ((text, len(text), not text.isascii()) for text in _unescaped(soft))


@lru_cache(maxsize=64)
def _patterns(shortest: int) -> tuple[re.Pattern[bytes], ...]:
    """Return the patterns of texts that can hold `shortest` bytes: ASCII, base64, digits, pairs of digits, numbers."""
    return (
        re.compile(rb"[\t\n\r\x20-\x7e]{%d,}" % shortest),
        re.compile(rb"[A-Za-z0-9+/_-]{%d,}" % max(4, (shortest * 4 + 2) // 3)),
        re.compile(rb"[0-9a-fA-F]{%d,}" % (2 * shortest)),
        re.compile(rb"[0-9a-fA-F]{2}(?:[\s:,.-]+(?:0[xX])?[0-9a-fA-F]{2}(?![0-9a-fA-F])){%d,}" % (shortest - 1)),
        re.compile(rb"[0-9]{1,3}(?:\s*,\s*[0-9]{1,3}(?![0-9])){%d,}" % (shortest - 1)),
    )


def _ascii_of(data: bytes, shortest: int) -> bytes:
    """Return the stretches of ASCII text: the encodings of text are ASCII, and random bytes have none."""
    return data if data.isascii() else b"\n".join(_patterns(shortest)[0].findall(data))


def _unescaped(text: bytes) -> Iterator[bytes]:
    """Yield the text with its escapes resolved, kind by kind and round by round, as long as there are any."""
    for _ in range(ESCAPE_ROUNDS):
        before = text
        if b"\\" in text:
            yield (text := _BACKSLASH.sub(_from_escape, text))
        if b"%" in text:
            yield (text := _PERCENT.sub(_from_escape, text))
        if b"&#" in text:
            yield (text := _ENTITY.sub(_from_escape, text))
        if text == before:
            return


def _from_escape(match: re.Match[bytes]) -> bytes:
    """Return the byte of an escape: group 1 is hexadecimal, 2 octal after a backslash, else decimal, 3 a character."""
    groups = match.groups()
    if groups[0]:
        return bytes([int(groups[0], 16)])
    if len(groups) > 1 and groups[1]:
        code = int(groups[1], 10 if match[0].startswith(b"&") else 8)
        return bytes([code]) if code < 256 else match[0]
    if len(groups) > 2:
        return bytes([_CHARACTERS.get(groups[2][0], groups[2][0])])
    return b""  # a soft line break


def _from_base64(data: bytes, shortest: int) -> Iterator[Decoded]:
    """Yield base64 of both alphabets, decoded from each of the four places at which a group can begin."""
    digits = _patterns(shortest)[1]
    forms = {data: None}
    if b"\n" in data or b"\\n" in data or b"\r" in data:
        forms[_LINE_BREAK.sub(b"", data)] = None
    for form in forms:
        runs = [run.translate(_URL_SAFE) for run in dict.fromkeys(digits.findall(form))]
        short = [run for run in runs if _ONE_ENCODING.fullmatch(run)]
        long = [run for run in runs if not _ONE_ENCODING.fullmatch(run)]
        for lost in range(4):
            for some, nests in ((short, False), (long, True)):
                if some:
                    text = b"\n".join(_groups(some, lost))
                    yield text, len(text), nests


def _groups(runs: Iterable[bytes], lost: int) -> Iterator[bytes]:
    """Decode runs whose first group lost its first 0 to 3 digits; a last digit alone in its group holds no byte."""
    for run in runs:
        text = run[1:] if lost == 3 else b"A" * lost + run
        text = text[: len(text) - (len(text) % 4 == 1)]
        yield binascii.a2b_base64(text + b"=" * (-len(text) % 4))


def _from_numbers(data: bytes, shortest: int) -> Iterator[Decoded]:
    """Yield bytes written as hexadecimal digits, with or without separators, or as a list of decimal numbers."""
    _, _, digits, pairs, numbers = _patterns(shortest)
    runs = digits.findall(data)
    for offset in range(2 if runs else 0):
        text = b"\n".join(binascii.unhexlify(run[offset : len(run) - (len(run) - offset) % 2]) for run in runs)
        yield text, len(text), True
    runs = [re.sub(rb"0[xX]|[^0-9a-fA-F]", b"", run) for run in pairs.findall(data)]
    if runs:
        text = b"\n".join(map(binascii.unhexlify, runs))
        yield text, len(text), True
    lists = [[int(number) for number in re.findall(rb"[0-9]+", run)] for run in numbers.findall(data)]
    if lists:
        text = b"\n".join(bytes(number if number < 256 else 0 for number in row) for row in lists)
        yield text, len(text), True


def _decompressed(data: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield what can be decompressed, even of a cut or damaged stream, and how many bytes were read for it."""
    if data.isascii() and not any(start in data for start in (b"BZh", b"x^", b"x\x01")):
        return
    view = memoryview(data)
    for match in _COMPRESSED.finditer(data):
        kind, rest = match.lastgroup, view[match.start() :]
        if kind == "gzip":
            yield _inflate(zlib.decompressobj(wbits=31).decompress, rest)
        elif kind == "zlib":
            yield _inflate(zlib.decompressobj().decompress, rest)
        elif kind == "bz2":
            yield _inflate(bz2.BZ2Decompressor().decompress, rest)
        elif kind == "xz":
            yield _inflate(lzma.LZMADecompressor().decompress, rest)
        else:
            yield _read_arrow(rest, str(kind))


def _inflate(decompress: Callable[[bytes, int], bytes], data: memoryview) -> tuple[bytes, int]:
    found, size, start = [], 0, 0
    try:
        for start in range(0, len(data), _PIECE):
            piece = decompress(bytes(data[start : start + _PIECE]), MAX_INFLATED_BYTES - size)
            found.append(piece)
            size += len(piece)
            if size >= MAX_INFLATED_BYTES:
                break
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError):
        pass
    return b"".join(found), start


def _read_arrow(data: memoryview, codec: str) -> tuple[bytes, int]:
    """Decompress with Arrow what Python's library cannot."""
    found, size = [], 0
    try:
        with pa.CompressedInputStream(pa.BufferReader(pa.py_buffer(data)), codec) as stream:
            while size < MAX_INFLATED_BYTES and (piece := stream.read(_CHUNK)):
                found.append(piece)
                size += len(piece)
    except (OSError, ValueError):
        pass
    return b"".join(found), size
