"""Open an input file on any of Beam's file systems, inflated: gzip and bzip2 are read as streams, within a ratio."""

import bz2
import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from apache_beam.io.filesystem import BeamIOError, CompressionTypes
from apache_beam.io.filesystems import FileSystems

from transforms.sources.damaged_input import DamagedInput

MAX_RATIO = 200
"""How many times its size a file may inflate to. Event texts shrink to a tenth or a twentieth."""
FREE_BYTES = 256 << 20
"""What any file may inflate to, whatever its size: a small file of equal lines is no attack."""

_SUFFIXES = {".gz": "gzip", ".bz2": "bzip2"}
COMPRESSED = tuple(_SUFFIXES)
COMPRESSED_MAGIC = {b"\x1f\x8b": ".gz", b"BZh": ".bz2"}
"""How compressed files begin, for what has no name. A file with a name is compressed when its name says so."""


def compression_of(path: str) -> str:
    """Return how a file is compressed by its name: `gzip`, `bzip2` or nothing."""
    return next((name for suffix, name in _SUFFIXES.items() if path.endswith(suffix)), "")


@contextmanager
def open_raw(path: str) -> Iterator[BinaryIO]:
    """Open a file as it is; raise DamagedInput when it cannot be opened."""
    try:
        file = FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED)
    except (OSError, BeamIOError) as error:
        raise DamagedInput(path, reason_of(error)) from None
    with file:
        yield file


@contextmanager
def open_inflated(path: str, size: int) -> Iterator[BinaryIO]:
    """Open a file of `size` bytes, inflated; reading raises DamagedInput if it is damaged or inflates beyond MAX_RATIO."""
    with open_raw(path) as raw:
        kind = compression_of(path)
        if not kind:
            yield raw
            return
        with gzip.GzipFile(fileobj=raw) if kind == "gzip" else bz2.BZ2File(raw) as inflated:
            yield cast(BinaryIO, _Limited(inflated, path, kind, max(FREE_BYTES, MAX_RATIO * size)))


class _Limited:
    """An inflated file that ends with an error at a limit."""

    def __init__(self, file: gzip.GzipFile | bz2.BZ2File, path: str, kind: str, limit: int) -> None:
        self._file, self._path, self._kind, self._left = file, path, kind, limit

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes."""
        try:
            data = self._file.read(size)
        except (EOFError, OSError, ValueError, zlib.error):
            raise DamagedInput(self._path, f"the {self._kind} file is truncated or damaged") from None
        self._left -= len(data)
        if self._left < 0:
            raise DamagedInput(
                self._path,
                f"the {self._kind} file inflates to more than {FREE_BYTES >> 20} MiB and {MAX_RATIO} times its size; "
                "unpack it first if that is right",
            )
        return data


def reason_of(error: BaseException) -> str:
    """Return why a file cannot be read, in a few words."""
    if isinstance(error, BeamIOError):
        inner = next(iter((error.exception_details or {}).values()), None)
        return reason_of(inner) if isinstance(inner, OSError) else "cannot be read"
    return f"cannot be read ({getattr(error, 'strerror', None) or type(error).__name__})"
