"""Read the messages of an Avro file: blocks are inflated within limits and given to fastavro uncompressed."""

from collections.abc import Iterator
from io import BytesIO
from typing import Any, BinaryIO

import fastavro
import numpy as np
from fastavro.schema import SchemaParseException

from schemas.avro_entries import TooManyEntries, check_entries
from schemas.message import Message, NotAMessage
from schemas.message_records import UnknownSchema, record_form
from transforms.sinks.files.avro_blocks import encode_longs
from transforms.sources.avro_container import SYNC_BYTES, Block, Header, read_blocks, read_header
from transforms.sources.damaged_input import DamagedInput

_RECORD_ERRORS = (EOFError, ValueError, IndexError, KeyError, TypeError, OverflowError, MemoryError, RecursionError)


def read_avro(file: BinaryIO, topic: str, *, path: str = "", as_of: int = 0) -> Iterator[Message | NotAMessage]:
    """Yield the messages of an Avro file.

    Args:
        file: the file, at its beginning.
        topic: the topic by its name or folder, for records without one.
        path: its name in errors and in the ids of messages that have none.
        as_of: the publish time of messages that have none, UTC microseconds.

    Raises:
        DamagedInput: the file does not hold messages, or is damaged.
    """
    header = read_header(file, path)
    try:
        form = record_form(header.schema, topic, as_of, path.rsplit("/", 1)[-1], own=header.own)
        stream = _NullBlocks(fastavro.parse_schema(form.schema), _bounded(form.schema, file, header, path))
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


def _bounded(schema: Any, file: BinaryIO, header: Header, path: str) -> Iterator[Block]:
    for number, block in enumerate(read_blocks(file, header, path), 1):
        try:
            check_entries(schema, block.records, block.data)
        except TooManyEntries as error:
            raise DamagedInput(path, f"block {number} {error}") from None
        yield block


class _NullBlocks:
    """A file for fastavro: a header and blocks of the codec `null`; one block at a time is in memory."""

    def __init__(self, schema: Any, blocks: Iterator[Block]) -> None:
        header = BytesIO()
        fastavro.writer(header, schema, [])
        self._sync = header.getvalue()[-SYNC_BYTES:]
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
