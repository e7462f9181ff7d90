"""The content hash of an event, 8 bytes: equal for any order of keys, white space, escapes, spelling of its time and ids.

Numbers and texts of the data count as they are spelled: 1.0 is other content than 1. Deduplication decides by it whether
a second event of an id is a duplicate or a conflict. The data is hashed by BLAKE2b; the fields of the envelope
are mixed in word by word, so that columns of events are hashed at once by the same function (transforms/decode/fast_path.py).
"""

from functools import cache
from hashlib import blake2b
from typing import Any

_MASK = (1 << 64) - 1
_ODD = 0x9E3779B97F4A7C15
Words = Any
"""64-bit words: one as an int, or a column of them as a numpy array of uint64."""


def digest(text: bytes) -> bytes:
    """Return the 8-byte hash of an event's data in canonical JSON: a little-endian word."""
    return blake2b(text, digest_size=8).digest()


@cache
def word_of(text: str) -> int:
    """Return the word of a name."""
    return int.from_bytes(digest(text.encode()), "little")


def content_word(
    data: Words, event_type: Words, event_time: Words, correlation: tuple[Words, Words], causation: tuple[Words, ...]
) -> Words:
    """Return the content of events: `causation` has two words of its UUID, and 1 if there is none, else 0."""
    word = data
    for part in (event_type, event_time, *correlation, *causation):
        word = (word ^ part) * _ODD & _MASK
        word = word ^ (word >> 32)
    return word


def uuid_words(text: str) -> tuple[int, int]:
    """Return the two words of a UUID."""
    number = int(text.replace("-", ""), 16)
    return number >> 64, number & _MASK
