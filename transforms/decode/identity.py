"""Identity on columns: which of a set of events are the first of their id, which repeat it, which contradict it.

Pure numpy. An id is two 64-bit words; the first by (publish_time, message_id) is retained, any later one is a duplicate
if its content hash is the same, and a conflict if it is not (docs/data-contract.md#outcomes).
"""

from typing import NamedTuple

import numpy as np
import pyarrow as pa

MESSAGE_ID_BYTES = 24
ID = np.dtype(
    [
        ("high", "u8"),
        ("low", "u8"),
        ("publish_time", "i8"),
        ("message_id", f"S{MESSAGE_ID_BYTES}"),
        ("content", "u8"),
        ("row", "u4"),
    ]
)
"""One event's identity: 60 bytes. Message ids are compared by their first 24 bytes; Pub/Sub's have 17 digits."""

_HEX = np.full(256, 255, np.uint8)
for _digit, _char in enumerate(b"0123456789abcdef"):
    _HEX[_char] = _digit
_DIGITS = np.array([position for position in range(36) if position not in (8, 13, 18, 23)])


class Repeats(NamedTuple):
    """Rows that are not the first of their id: `source` is their input, `conflict` whether the content differs."""

    source: np.ndarray
    row: np.ndarray
    conflict: np.ndarray


def id_words(event_ids: pa.Array) -> np.ndarray:
    """Return lower-case UUID texts as an (n, 2) array of 64-bit words."""
    offsets = np.frombuffer(event_ids.buffers()[1], np.int32)[event_ids.offset :]
    start = offsets[0]
    text = np.frombuffer(event_ids.buffers()[2], np.uint8)[start : start + 36 * len(event_ids)]
    digits = _HEX[text.reshape(len(event_ids), 36)[:, _DIGITS]]
    packed = (digits[:, ::2] << 4) | digits[:, 1::2]
    return np.ascontiguousarray(packed).view(">u8").astype(np.uint64)


def identities(rows: pa.RecordBatch, first_row: int = 0) -> np.ndarray:
    """Return the identities of the rows of a wide batch; row numbers count from `first_row`."""
    ids = np.zeros(rows.num_rows, ID)
    if not rows.num_rows:
        return ids
    words = id_words(rows.column("event_id"))
    ids["high"], ids["low"] = words[:, 0], words[:, 1]
    ids["publish_time"] = rows.column("publish_time").cast(pa.int64()).to_numpy()
    ids["message_id"] = rows.column("message_id").cast(pa.binary()).to_numpy(zero_copy_only=False)
    content = rows.column("content")
    ids["content"] = np.frombuffer(content.buffers()[1], np.uint64)[content.offset :][: rows.num_rows]
    ids["row"] = np.arange(first_row, first_row + rows.num_rows)
    return ids


def shard_of(ids: np.ndarray, shards: int) -> np.ndarray:
    """Return the shard of each id: equal ids, equal shard. Mixed, because UUIDs made from names share their head."""
    mixed = (ids["high"] ^ ids["low"]) * np.uint64(0x9E3779B97F4A7C15)
    return np.asarray((mixed >> np.uint64(32)) % np.uint64(shards))


def find_repeats(ids: np.ndarray, source: np.ndarray) -> Repeats:
    """Find every row that is not the first of its id; `source` numbers the input that each row came from."""
    again = _shared(ids["low"])  # few rows share half of their id with another, and only they are looked at whole
    ids, source = ids[again], source[again]
    order = np.lexsort(
        (ids["row"], source, ids["content"], ids["message_id"], ids["publish_time"], ids["low"], ids["high"])
    )
    ids, source = ids[order], source[order]
    starts = np.ones(len(ids), bool)
    starts[1:] = (ids["high"][1:] != ids["high"][:-1]) | (ids["low"][1:] != ids["low"][:-1])
    first = np.maximum.accumulate(np.where(starts, np.arange(len(ids)), 0))
    again = ~starts
    conflict = ids["content"] != ids["content"][first]
    return Repeats(source[again], ids["row"][again], conflict[again])


def _shared(words: np.ndarray) -> np.ndarray:
    """Return the positions of words that occur more than once."""
    order = np.argsort(words)
    ordered = words[order]
    same = ordered[1:] == ordered[:-1]
    twice = np.zeros(len(words), bool)
    twice[1:] |= same
    twice[:-1] |= same
    return order[twice]
