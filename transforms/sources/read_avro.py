"""Read the records of an Avro file block by block, with limits: what a block inflates to is known before it is held.

fastavro inflates a block whole, whatever it becomes, and needs a library for each codec. Here blocks are inflated
within a limit, by what Python and pyarrow hold, and handed to fastavro as blocks of the codec `null`.
"""

import bz2
import io
import json
import lzma
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import Any, BinaryIO, NamedTuple

import fastavro
import numpy as np
import pyarrow as pa
from fastavro.schema import SchemaParseException

from schemas.message import Message, NotAMessage
from schemas.message_records import WRITER, WRITER_KEY, UnknownSchema, record_form
from transforms.sinks.files.avro_blocks import encode_longs
from transforms.sources.damaged_input import DamagedInput

MAGIC = b"Obj\x01"
MAX_HEADER_BYTES = 4 << 20
MAX_INFLATED_BYTES = 64 << 20
"""What one compressed block may inflate to. Writers make blocks of kilobytes to a few mebibytes."""
MAX_BLOCK_BYTES = 1 << 30
"""What one block may hold in its file: a block is read whole."""
_SYNC_BYTES = 16
_CODECS = ("null", "deflate", "snappy", "zstandard", "bzip2", "xz")
_RECORD_ERRORS = (EOFError, ValueError, IndexError, KeyError, TypeError, OverflowError, MemoryError, RecursionError)


class Header(NamedTuple):
    """What an Avro file says of itself; `own` files are of this project's archive."""

    schema: Any
    codec: str
    sync: bytes
    own: bool


class Block(NamedTuple):
    """One block: how many records it holds, and their bytes, inflated."""

    records: int
    data: bytes


def read_header(file: BinaryIO, path: str) -> Header:
    """Read an Avro file's header; raise DamagedInput when it is none or its codec is not known."""
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
        sync = _read_exactly(file, _SYNC_BYTES)
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
    """Yield the blocks behind a header, each inflated; raise DamagedInput where one is not whole."""
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
            if _read_exactly(file, _SYNC_BYTES) != header.sync:
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
    """Return how many records an Avro file's blocks say they hold; their bytes are passed over.

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
            if _read_exactly(file, _SYNC_BYTES) != header.sync:
                raise ValueError("the mark behind the block is damaged")
            records += count
    except (EOFError, ValueError):
        raise DamagedInput(path, f"the Avro file is truncated or damaged behind record {records}") from None
    return records


def inflate(codec: str, data: bytes) -> bytes:
    """Return a block's bytes inflated; raise DamagedInput when they are more than MAX_INFLATED_BYTES."""
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


def read_avro(file: BinaryIO, topic: str, *, path: str = "", as_of: int = 0) -> Iterator[Message | NotAMessage]:
    """Yield the messages of an Avro file.

    Args:
        file: the file, at its beginning.
        topic: the topic that its name or folder says, for records that do not say theirs.
        path: its name in errors and in the ids of messages that have none.
        as_of: the publish time of messages that have none, UTC microseconds.

    Raises:
        DamagedInput: the file is none of messages, or is damaged.
    """
    header = read_header(file, path)
    try:
        form = record_form(header.schema, topic, as_of, path.rsplit("/", 1)[-1], own=header.own)
        stream = _NullBlocks(fastavro.parse_schema(form.schema), read_blocks(file, header, path))
    except (UnknownSchema, SchemaParseException, *_RECORD_ERRORS) as error:
        reason = str(error) if isinstance(error, UnknownSchema) else "its schema is damaged"
        raise DamagedInput(path, reason) from None
    place = 0
    try:
        for block in fastavro.block_reader(stream):
            for record in block:
                yield form.parse(record, place)
                place += 1
            if block.bytes_.read(1):
                raise ValueError("the block has more than its records")
    except DamagedInput:
        raise
    except (SchemaParseException, *_RECORD_ERRORS):
        raise DamagedInput(path, f"the Avro file is damaged at record {place + 1}") from None


class _NullBlocks:
    """A file for fastavro: a header, and blocks of the codec `null`, of which it holds one at a time."""

    def __init__(self, schema: Any, blocks: Iterator[Block]) -> None:
        header = BytesIO()
        fastavro.writer(header, schema, [])
        self._sync = header.getvalue()[-_SYNC_BYTES:]
        self._blocks, self._part, self._read = blocks, BytesIO(header.getvalue()), 0

    def read(self, size: int) -> bytes:
        """Return `size` bytes, fewer at the file's end; a part of it is never read beyond its end."""
        data = self._part.read(size)
        if not data and size and (block := next(self._blocks, None)) is not None:
            numbers = encode_longs(np.array([block.records, len(block.data)], np.int64)).to_pylist()
            self._part = BytesIO(b"".join([*numbers, block.data, self._sync]))
            data = self._part.read(size)
        self._read += len(data)
        return data

    def tell(self) -> int:
        """Return how many bytes were read."""
        return self._read


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
    """Read a long: seven bits a byte, the lowest first, zigzag."""
    value = 0
    for shift in range(0, 70, 7):
        byte = (first or _read_exactly(file, 1))[0]
        first = b""
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (value >> 1) ^ -(value & 1)
    raise ValueError("a number is too long")
