"""The keyed state of DeduplicateStream: a directory of time buckets, and packed ids per bucket; each with a version byte."""

import secrets
import struct
from collections.abc import Iterable
from typing import Final

import numpy as np

from transforms.deduplicate.seen_ids import SEEN
from transforms.state_layout import add_version, strip_version

LAYOUT: Final = 1
"""Layout version of both states; a change of SEEN, SLOTS or the directory raises it."""
SLOTS = 6
"""Most buckets that a shard holds: the horizon's, and room for publish times that arrive out of order."""
EMPTY = -1
_DIRECTORY = struct.Struct(f"<16s{SLOTS}q")


class Directory:
    """Which bucket is in which slot of a shard's state, and a token that identifies exactly this content."""

    def __init__(self, packed: bytes | None) -> None:
        if packed:
            self.token, *self.buckets = _DIRECTORY.unpack(strip_version(LAYOUT, packed, "directory"))
        else:
            self.token, self.buckets = b"", [EMPTY] * SLOTS

    def pack(self) -> bytes:
        """Return the state value under a new token."""
        self.token = secrets.token_bytes(16)
        return add_version(LAYOUT, _DIRECTORY.pack(self.token, *self.buckets))

    def live(self) -> list[int]:
        """Return the buckets that hold ids, in order."""
        return sorted(bucket for bucket in self.buckets if bucket != EMPTY)


def pack_ids(ids: np.ndarray) -> bytes:
    """Return ids (of type SEEN) as one value of a bucket's bag."""
    return add_version(LAYOUT, ids.tobytes())


def unpack_ids(chunks: Iterable[bytes]) -> np.ndarray:
    """Return the ids of all values of a bucket's bag."""
    return np.frombuffer(b"".join(strip_version(LAYOUT, chunk, "ids") for chunk in chunks), SEEN)
