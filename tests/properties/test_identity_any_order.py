"""Identities: the words are the UUID's, and any order of arrival leaves the same events."""

import uuid

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from tests.support.identity_rows import repeats
from transforms.decode.identity import id_words


@given(st.lists(st.uuids(), min_size=1, max_size=50))
def test_integer_pairs_equal_the_uuids(ids):
    words = id_words(pa.array([str(name) for name in ids]))
    assert [(int(high) << 64) | int(low) for high, low in words] == [name.int for name in ids]


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
