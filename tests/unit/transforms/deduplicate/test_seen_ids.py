"""Ids seen within a horizon: first, repeat, contradiction, against a plain dictionary."""

import numpy as np
import pytest

from transforms.decode.identity import ID
from transforms.deduplicate.seen_ids import Seen, classify_ids


def ids_of(*events: tuple[int, int, int]) -> np.ndarray:
    """Identities of (id, content, publish time)."""
    ids = np.zeros(len(events), ID)
    for row, (name, content, publish_time) in enumerate(events):
        ids[row] = (name * 7919, name, publish_time, str(row).encode(), content, row)
    return ids


def remember(seen: Seen, ids: np.ndarray) -> None:
    seen.add(0, classify_ids(ids, seen).added)


def test_the_first_is_retained_and_the_rest_of_a_batch_are_duplicates():
    verdict = classify_ids(ids_of((1, 5, 20), (1, 5, 10), (2, 5, 30)), Seen())
    assert verdict.new.tolist() == [False, True, True]
    assert verdict.duplicate.tolist() == [True, False, False]
    assert not verdict.conflict.any()


def test_other_content_within_a_batch_is_a_conflict():
    verdict = classify_ids(ids_of((1, 5, 10), (1, 6, 20)), Seen())
    assert verdict.new.tolist() == [True, False]
    assert verdict.conflict.tolist() == [False, True]


def test_ids_that_share_a_half_are_two():
    ids = ids_of((1, 5, 10), (1, 5, 20))
    ids["high"] = [3, 4]
    assert classify_ids(ids, Seen()).new.all()
    seen = Seen()
    remember(seen, ids[:1])
    assert classify_ids(ids[1:], seen).new.all()


def test_other_content_under_a_known_id_is_a_conflict():
    seen = Seen()
    remember(seen, ids_of((1, 5, 10)))
    verdict = classify_ids(ids_of((1, 6, 20), (1, 5, 30)), seen)
    assert verdict.conflict.tolist() == [True, False]
    assert verdict.duplicate.tolist() == [False, True]


def test_a_duplicate_that_was_published_earlier_is_kept_as_a_row():
    seen = Seen()
    remember(seen, ids_of((1, 5, 20)))
    verdict = classify_ids(ids_of((1, 5, 10), (1, 5, 15)), seen)
    assert verdict.earlier.tolist() == [True, False]
    assert verdict.duplicate.all()
    seen.add(0, verdict.added)
    assert not classify_ids(ids_of((1, 5, 12)), seen).earlier.any()


def test_a_message_that_is_delivered_again_is_no_earlier_one():
    seen = Seen()
    remember(seen, ids_of((1, 5, 20)))
    verdict = classify_ids(ids_of((1, 5, 20)), seen)
    assert verdict.duplicate.all()
    assert not verdict.earlier.any()
    assert not len(verdict.added)


def test_another_message_of_the_same_time_may_be_the_first_and_is_kept_as_a_row():
    seen = Seen()
    ids = ids_of((1, 5, 20), (1, 5, 20))  # the second has another message id
    remember(seen, ids[1:])
    verdict = classify_ids(ids[:1], seen)
    assert verdict.duplicate.tolist() == [True]
    assert verdict.earlier.tolist() == [True]
    assert len(verdict.added) == 1


@pytest.mark.parametrize("place", range(0, 24, 3))
def test_message_ids_that_differ_in_one_place_are_two(place):
    ids = ids_of((1, 5, 20), (1, 5, 20))
    ids["message_id"][0] = b"7" * 24
    ids["message_id"][1] = b"7" * place + b"8" + b"7" * (23 - place)
    seen = Seen()
    remember(seen, ids[:1])
    assert classify_ids(ids[1:], seen).earlier.all()
    assert not classify_ids(ids[:1], seen).earlier.any()


def test_many_small_batches_are_few_runs():
    seen = Seen()
    for name in range(1, 1001):
        remember(seen, ids_of((name, 5, name)))
    assert len(seen) == 1000
    assert len(seen._runs[0]) <= 10


def test_a_dropped_bucket_is_forgotten():
    seen = Seen()
    seen.add(3, classify_ids(ids_of((1, 5, 10)), seen).added)
    seen.drop(3)
    assert classify_ids(ids_of((1, 5, 11)), seen).new.all()
    assert len(seen) == 0
    seen.drop(3)  # nothing came in it since
    assert len(seen) == 0


@pytest.mark.parametrize("seed", range(3))
def test_many_batches_agree_with_a_dictionary(seed):
    random = np.random.default_rng(seed)
    seen, known = Seen(), {}
    for number in range(120):
        names = random.integers(1, 800, size=random.integers(1, 60))
        contents = random.integers(0, 2, size=len(names))
        rows = enumerate(zip(names.tolist(), contents.tolist(), strict=True))
        batch = ids_of(*((name, content, 1000 * number + row) for row, (name, content) in rows))
        verdict = classify_ids(batch, seen)
        for row, (name, content) in enumerate(zip(names.tolist(), contents.tolist(), strict=True)):
            expected = "new" if name not in known else "duplicate" if known[name] == content else "conflict"
            assert getattr(verdict, expected)[row], (name, expected)
            known.setdefault(name, content)
        seen.add(number // 10, verdict.added)
    assert len(seen) == len(known)
