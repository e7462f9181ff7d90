"""Read and write the files that hold messages, record by record: Avro of any message schema, and JSON lines.

A file is written back with the schema, the codec and the further entries of the header that it had.
"""

import bz2
import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import fastavro
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from fastavro.schema import SchemaParseException

from transforms.archive.batch import BLOCK_BYTES

_AVRO_MAGIC = b"Obj\x01"
_DAMAGED = (
    EOFError,
    ValueError,
    IndexError,
    KeyError,
    TypeError,
    OSError,
    SchemaParseException,
    StopIteration,
    zlib.error,
)


class UnreadableFile(Exception):
    """A file is damaged or in a form that holds no messages."""


class Content(NamedTuple):
    """A file's new content."""

    content: bytes
    sha256: str


def read_records(path: str) -> Iterator[Any]:
    """Yield the records of a file: of Avro as dictionaries, of other files as lines of bytes.

    Of an open segment, which a kill may have cut off, the whole blocks are read.

    Raises:
        UnreadableFile: the file is damaged.
    """
    is_open = path.rsplit("/", 1)[-1].startswith(".open-")
    with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as file:
        try:
            if path.endswith(".avro"):
                yield from fastavro.reader(file)
            else:
                yield from _plain(path, file)
        except _DAMAGED as error:
            if not is_open:
                raise UnreadableFile(path) from error


def write_records(path: str, records: Iterator[Any]) -> Content:
    """Return the content of a file like the one at `path`, with other records."""
    if path.endswith(".avro"):
        data = _avro(path, records)
    else:
        data = b"".join(records)
        if path.endswith(".gz"):
            data = gzip.compress(data, mtime=0)
        elif path.endswith(".bz2"):
            data = bz2.compress(data)
    return Content(data, hashlib.sha256(data).hexdigest())


def _plain(path: str, file: Any) -> Any:
    if path.endswith(".gz"):
        return gzip.GzipFile(fileobj=file)
    return bz2.BZ2File(file) if path.endswith(".bz2") else file


def _avro(path: str, records: Iterator[Any]) -> bytes:
    with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as file:
        reader = fastavro.reader(file)
        schema, codec = reader.writer_schema, reader.codec
        others = {key: value for key, value in reader.metadata.items() if not key.startswith("avro.")}
    out = io.BytesIO()
    fastavro.writer(out, schema, records, codec=codec, sync_interval=BLOCK_BYTES, metadata=others)
    return out.getvalue()
