"""Read the header and the blocks of an Avro container file within limits on header, block and inflated size.

fastavro inflates a block whole, whatever its size, and needs a library per codec. Here Python and pyarrow inflate it.
"""

import bz2
import io
import json
import lzma
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

import pyarrow as pa

from schemas.message_records import WRITER, WRITER_KEY
from transforms.sources.damaged_input import DamagedInput

MAGIC = b"Obj\x01"
MAX_HEADER_BYTES = 4 << 20
MAX_INFLATED_BYTES = 64 << 20
"""Limit of an inflated block, bytes. Writers make blocks of kilobytes to a few mebibytes."""
MAX_BLOCK_BYTES = 1 << 30
"""Limit of a block in the file, bytes: a block is read whole."""
SYNC_BYTES = 16
_CODECS = ("null", "deflate", "snappy", "zstandard", "bzip2", "xz")


class Header(NamedTuple):
    """The header of an Avro file; `own` files are of this project's archive."""

    schema: Any
    codec: str
    sync: bytes
    own: bool


class Block(NamedTuple):
    """One block: how many records it holds, and their bytes, inflated."""

    records: int
    data: bytes


def read_header(file: BinaryIO, path: str) -> Header:
    """Read an Avro file's header; raise DamagedInput if it is no Avro file or its codec is unknown."""
    if file.read(len(MAGIC)) != MAGIC:
        raise DamagedInput(path, "not an Avro file")
    entries: dict[str, bytes] = {}
    left = MAX_HEADER_BYTES
    try:
        while count := _read_long(file):
            if count < 0:
                count = -count
                _read_long(file)
            for _ in range(count):
                key, value = (_read_exactly(file, _read_length(file, left)) for _ in range(2))
                left -= len(key) + len(value) + 1
                if left < 0:
                    raise DamagedInput(path, "the Avro file's header is larger than 4 MiB")
                entries[key.decode()] = value
        sync = _read_exactly(file, SYNC_BYTES)
        schema = json.loads(entries["avro.schema"])
        codec = entries.get("avro.codec", b"null").decode()
    except DamagedInput:
        raise
    except (EOFError, ValueError, KeyError, RecursionError):
        raise DamagedInput(path, "the Avro file's header is damaged") from None
    if codec not in _CODECS:
        raise DamagedInput(path, f"the Avro file's codec is none of {', '.join(_CODECS)}")
    return Header(schema, codec, sync, entries.get(WRITER_KEY) == WRITER.encode())


def read_blocks(file: BinaryIO, header: Header, path: str) -> Iterator[Block]:
    """Yield the blocks after a header, each inflated; raise DamagedInput if one is not whole."""
    number = 0
    while True:
        number += 1
        try:
            first = file.read(1)
            if not first:
                return
            count, size = _read_long(file, first), _read_long(file)
            if count < 0 or not 0 <= size <= MAX_BLOCK_BYTES:
                raise ValueError("the sizes of the block are damaged")
            data = _read_exactly(file, size)
            if _read_exactly(file, SYNC_BYTES) != header.sync:
                raise ValueError("the mark behind the block is damaged")
            inflated = inflate(header.codec, data)
            if count > len(inflated):
                raise ValueError("a record takes at least a byte")
        except DamagedInput as error:
            raise DamagedInput(path, f"block {number} {error}") from None
        except (EOFError, ValueError, OSError, zlib.error, lzma.LZMAError, pa.ArrowException):
            raise DamagedInput(path, f"the Avro file is truncated or damaged at block {number}") from None
        yield Block(count, inflated)


def count_records(file: BinaryIO, path: str) -> int:
    """Return the number of records by the headers of the blocks; their bytes are skipped.

    Raises:
        DamagedInput: the file is no Avro file, or ends within a block.
    """
    header = read_header(file, path)
    records = 0
    try:
        while first := file.read(1):
            count, size = _read_long(file, first), _read_long(file)
            if count < 0 or not 0 <= size <= MAX_BLOCK_BYTES:
                raise ValueError("the sizes of the block are damaged")
            file.seek(size, io.SEEK_CUR)
            if _read_exactly(file, SYNC_BYTES) != header.sync:
                raise ValueError("the mark behind the block is damaged")
            records += count
    except (EOFError, ValueError):
        raise DamagedInput(path, f"the Avro file is truncated or damaged behind record {records}") from None
    return records


def inflate(codec: str, data: bytes) -> bytes:
    """Return a block's bytes inflated; raise DamagedInput if they are more than MAX_INFLATED_BYTES."""
    most = MAX_INFLATED_BYTES
    if codec == "null":
        return data
    if codec == "deflate":
        deflated = zlib.decompressobj(-15)
        inflated = deflated.decompress(data, most + 1)
        whole = deflated.eof
    elif codec == "snappy":
        size = _snappy_size(data)
        if size > most:
            raise _too_large()
        inflated = bytes(pa.decompress(data[:-4], size, codec="snappy"))
        whole = zlib.crc32(inflated) == int.from_bytes(data[-4:], "big")
    elif codec == "zstandard":
        with pa.CompressedInputStream(pa.BufferReader(data), "zstd") as stream:
            inflated = stream.read(most + 1)
        whole = True
    else:
        bzip2 = bz2.BZ2Decompressor() if codec == "bzip2" else lzma.LZMADecompressor()
        inflated = bzip2.decompress(data, most + 1)
        whole = bzip2.eof
    if len(inflated) > most:
        raise _too_large()
    if not whole:
        raise EOFError("the block ends early")
    return inflated


def _snappy_size(data: bytes) -> int:
    """Return the size before compression, which a snappy block begins with."""
    size = shift = 0
    for byte in data[:5]:
        size |= (byte & 0x7F) << shift
        if byte < 0x80:
            return size
        shift += 7
    raise EOFError("the block ends early")


def _too_large() -> DamagedInput:
    return DamagedInput(f"inflates to more than {MAX_INFLATED_BYTES >> 20} MiB")


def _read_exactly(file: BinaryIO, size: int) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise EOFError("the file ends early")
    return data


def _read_length(file: BinaryIO, most: int) -> int:
    length = _read_long(file)
    if not 0 <= length <= most:
        raise ValueError("a length is out of bounds")
    return length


def _read_long(file: BinaryIO, first: bytes = b"") -> int:
    """Read a long: seven bits per byte, the lowest first, zigzag."""
    value = 0
    for shift in range(0, 70, 7):
        byte = (first or _read_exactly(file, 1))[0]
        first = b""
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (value >> 1) ^ -(value & 1)
    raise ValueError("a number is too long")
