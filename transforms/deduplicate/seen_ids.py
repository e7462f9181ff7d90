"""Ids seen within a horizon, on columns: what of a batch is new, what repeats, what contradicts. Pure numpy.

Ids are kept in time buckets by their message's publish time, so that a horizon passes by dropping whole buckets. Within a
bucket they are sorted runs that are merged as they double: a look-up is a few binary searches, memory 36 bytes an id.
"""

from typing import NamedTuple

import numpy as np

from transforms.decode.identity import MESSAGE_ID_BYTES

SEEN = np.dtype([("key", "u8"), ("low", "u8"), ("content", "u8"), ("publish_time", "i8"), ("message", "u4")])
"""One id: its halves mixed into a key (the other half follows from key and low), content hash, publish time, and a hash
of the message's id."""
_MIX = np.uint64(0x9E3779B97F4A7C15)


class DedupResult(NamedTuple):
    """What became of the rows of a batch: each is `new`, `duplicate` or `conflict`.

    `earlier` marks duplicates that may precede the retained event: published earlier, or by another message at the
    same time, as messages published together are. Their rows are kept too, because the views take the first by publish
    time and message id (docs/data-contract.md#read-side). `added`: what is to be remembered.
    """

    new: np.ndarray
    duplicate: np.ndarray
    conflict: np.ndarray
    earlier: np.ndarray
    added: np.ndarray


class Seen:
    """The ids of one shard, by bucket."""

    def __init__(self) -> None:
        self._runs: dict[int, list[np.ndarray]] = {}

    def __len__(self) -> int:
        return sum(len(run) for runs in self._runs.values() for run in runs)

    def add(self, bucket: int, ids: np.ndarray) -> None:
        """Remember ids of a bucket."""
        if not len(ids):
            return
        runs = self._runs.setdefault(bucket, [])
        runs.append(_sorted(ids))
        while len(runs) > 1 and 2 * len(runs[-1]) >= len(runs[-2]):
            runs[-2:] = [_sorted(np.concatenate(runs[-2:]))]

    def drop(self, bucket: int) -> None:
        """Forget a bucket."""
        self._runs.pop(bucket, None)

    def find(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return which ids are known, and what is known of each: of several entries the earliest published."""
        known = np.zeros(len(ids), bool)
        entries = np.zeros(len(ids), SEEN)
        for runs in self._runs.values():
            for run in runs:
                at = np.minimum(np.searchsorted(run["key"], ids["key"]), len(run) - 1)
                hit = run[at]
                same = (hit["key"] == ids["key"]) & (hit["low"] == ids["low"])
                same &= ~known | (hit["publish_time"] < entries["publish_time"])
                entries[same] = hit[same]
                known |= same
        return known, entries


def _sorted(ids: np.ndarray) -> np.ndarray:
    return ids[np.lexsort((ids["publish_time"], ids["key"]))]  # a look-up finds the earliest of equal keys first


def seen_ids(ids: np.ndarray) -> np.ndarray:
    """Return identities (transforms.decode.identity.ID) as what is remembered of them."""
    seen = np.zeros(len(ids), SEEN)
    seen["key"] = ids["high"] ^ (ids["low"] * _MIX)
    seen["low"], seen["content"], seen["publish_time"] = ids["low"], ids["content"], ids["publish_time"]
    seen["message"] = _hashes(ids["message_id"])
    return seen


def _hashes(texts: np.ndarray) -> np.ndarray:
    """Return 32 bits of each text of MESSAGE_ID_BYTES."""
    words = np.ascontiguousarray(texts).view("u8").reshape(len(texts), MESSAGE_ID_BYTES // 8)
    mixed = np.zeros(len(texts), np.uint64)
    for column in range(words.shape[1]):
        mixed = (mixed ^ words[:, column]) * _MIX
        mixed ^= mixed >> np.uint64(32)
    return mixed.astype("u4")


def classify_ids(ids: np.ndarray, seen: Seen) -> DedupResult:
    """Judge a batch of identities against what was seen before, and against each other."""
    mine = seen_ids(ids)
    order = np.lexsort((ids["row"], ids["content"], ids["message_id"], ids["publish_time"], mine["low"], mine["key"]))
    ordered = mine[order]
    first = np.ones(len(ids), bool)
    first[1:] = (ordered["key"][1:] != ordered["key"][:-1]) | (ordered["low"][1:] != ordered["low"][:-1])
    group = np.maximum.accumulate(np.where(first, np.arange(len(ids)), 0))
    known, entries = seen.find(ordered)
    content = np.where(known, entries["content"], ordered["content"][group])
    conflict = ordered["content"] != content
    new = first & ~known
    together = (ordered["publish_time"] == entries["publish_time"]) & (ordered["message"] != entries["message"])
    earlier = first & known & ~conflict & ((ordered["publish_time"] < entries["publish_time"]) | together)
    back = np.empty(len(ids), np.int64)
    back[order] = np.arange(len(ids))
    return DedupResult(new[back], (~new & ~conflict)[back], conflict[back], earlier[back], ordered[new | earlier])
