"""Retained events of a set: the first by (publish time, message id); the others are duplicates or conflicts."""

import uuid

import numpy as np
import pyarrow as pa
import pytest

from schemas.decode.content_hash import content_word
from tests.support.identity_rows import repeats, rows
from transforms.decode.identity import find_repeats, id_words, identities, shard_of

A, B = "00000000-0000-4000-8000-00000000000a", "ffffffff-0000-4000-8000-00000000000b"
ENDS_AS_A = B[:19] + A[19:]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([(A, 1, "m", 7), (B, 1, "m", 7)], set(), id="two ids"),
        pytest.param([(A, 1, "m", 7), (A, 2, "m", 7)], {(1, False)}, id="a later one repeats"),
        pytest.param(
            [(A, 2, "m", 7), (A, 1, "m", 7)], {(0, False)}, id="publish time decides, not the order of arrival"
        ),
        pytest.param([(A, 1, "m2", 7), (A, 1, "m10", 7)], {(0, False)}, id="message ids are compared as text"),
        pytest.param([(A, 1, "m", 7), (A, 2, "m", 8)], {(1, True)}, id="other content contradicts"),
        pytest.param(
            [(A, 1, "m", 7), (A, 2, "m", 8), (A, 3, "m", 7)], {(1, True), (2, False)}, id="each against the first"
        ),
        pytest.param([(A, 1, "m", 7), (ENDS_AS_A, 2, "m", 7)], set(), id="half an id is no id"),
        pytest.param(
            [(A, 1, "m", 7), (B, 1, "m", 8), (A, 2, "m", 7), (B, 2, "m", 8)],
            {(2, False), (3, False)},
            id="each of two ids against its own first",
        ),
    ],
)
def test_the_first_is_retained(events, expected):
    assert repeats(events) == expected


def test_a_duplicate_names_its_input_and_row():
    ids = np.concatenate([identities(rows([(A, 2, "m", 7), (B, 2, "m", 7)]), 100), identities(rows([(A, 1, "m", 7)]))])
    found = find_repeats(ids, np.array([4, 4, 9], np.uint32))
    assert (found.source.tolist(), found.row.tolist()) == ([4], [100])


def test_integer_pairs_of_a_slice_are_those_of_its_rows():
    ids = pa.array([str(uuid.UUID(int=number)) for number in range(10)])
    assert id_words(ids[4:7])[:, 1].tolist() == [4, 5, 6]


def test_equal_ids_share_a_shard_and_shards_are_even():
    ids = np.zeros(6400, [("high", "u8"), ("low", "u8")])
    ids["high"] = 7  # ids made from names share their head
    ids["low"] = np.arange(6400)
    counts = np.bincount(shard_of(ids, 32).astype(int), minlength=32)
    assert counts.min() > 100
    assert (shard_of(ids, 32) == shard_of(ids.copy(), 32)).all()


def test_contents_stay_what_running_jobs_remember():
    assert content_word(1 << 63 | 1, 2, 3, (4, 5), (6, 7, 0)) == 0xA46C50082F1228EA
    assert content_word(0, 0, 0, (0, 0), (0, 0, 1)) == 0x9E3779B9E17D05AC
