"""Which of a set of events stand: the first by (publish time, message id); the rest repeat or contradict it."""

import uuid

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.identity import find_repeats, id_words, identities, shard_of

A, B = "00000000-0000-4000-8000-00000000000a", "ffffffff-0000-4000-8000-00000000000b"


def rows(events: list[tuple[str, int, str, int]]) -> pa.RecordBatch:
    ids, times, messages, contents = zip(*events, strict=True)
    return pa.RecordBatch.from_arrays(
        [
            pa.array(ids),
            pa.array(times, pa.timestamp("us", "UTC")),
            pa.array(messages),
            pa.array([content.to_bytes(8, "little") for content in contents], pa.binary(8)),
        ],
        names=["event_id", "publish_time", "message_id", "content"],
    )


def repeats(events: list[tuple[str, int, str, int]]) -> set[tuple[int, bool]]:
    found = find_repeats(identities(rows(events)), np.zeros(len(events), np.uint32))
    return set(zip(found.row.tolist(), found.conflict.tolist(), strict=True))


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
    ],
)
def test_the_first_stands(events, expected):
    assert repeats(events) == expected


@given(st.lists(st.uuids(), min_size=1, max_size=50))
def test_words_are_the_uuids(ids):
    words = id_words(pa.array([str(one) for one in ids]))
    assert [(int(high) << 64) | int(low) for high, low in words] == [one.int for one in ids]


def test_words_of_a_slice_are_those_of_its_rows():
    ids = pa.array([str(uuid.UUID(int=number)) for number in range(10)])
    assert id_words(ids[4:7])[:, 1].tolist() == [4, 5, 6]


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 3), st.integers(0, 2), st.integers(0, 1)), min_size=1, max_size=30
    ),
    st.randoms(),
)
def test_any_order_of_arrival_leaves_the_same_events(drawn, random):
    events = [(str(uuid.UUID(int=i)), t, f"m{m}", c) for i, t, m, c in drawn]
    shuffled = list(events)
    random.shuffle(shuffled)

    def standing(given: list) -> set:
        gone = {row for row, _ in repeats(given)}
        return {event for number, event in enumerate(given) if number not in gone}

    assert standing(events) == standing(shuffled)
    assert len(standing(events)) == len({event[0] for event in events})


def test_equal_ids_share_a_shard_and_shards_are_even():
    ids = np.zeros(6400, [("high", "u8"), ("low", "u8")])
    ids["high"] = 7  # ids made from names share their head
    ids["low"] = np.arange(6400)
    counts = np.bincount(shard_of(ids, 32).astype(int), minlength=32)
    assert counts.min() > 100
    assert (shard_of(ids, 32) == shard_of(ids.copy(), 32)).all()
