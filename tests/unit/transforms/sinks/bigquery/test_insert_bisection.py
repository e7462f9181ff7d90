"""Rows of a rejected request: the bad ones are named, the good ones written once, in few requests."""

import math
import random

import pytest

from transforms.sinks.bigquery.insert_bisection import insert_by_halves, is_whole

BAD_REQUEST = [{"reason": "Bad Request", "message": "no"}]


class Table:
    """Rejects requests that hold one of `whole`, and names the rows of `named`."""

    def __init__(self, whole: set[int], named: set[int] = frozenset()) -> None:
        self.whole, self.named = whole, named
        self.written: list[int] = []
        self.requests = 0

    def send(self, rows: list[dict]) -> list[dict]:
        self.requests += 1
        numbers = [row["n"] for row in rows]
        if self.whole & set(numbers):
            return [{"index": index, "errors": BAD_REQUEST} for index in range(len(rows))]
        if self.named & set(numbers):
            reasons = ["invalid" if number in self.named else "stopped" for number in numbers]
            return [{"index": index, "errors": [{"reason": reason}]} for index, reason in enumerate(reasons)]
        self.written += numbers
        return []


@pytest.mark.parametrize("seed", range(20))
def test_bad_rows_are_named_and_good_ones_written_once(seed):
    chance = random.Random(seed)
    count = chance.randint(1, 300)
    whole = set(chance.sample(range(count), min(count, chance.randint(1, 4))))
    named = set(chance.sample(range(count), min(count, chance.randint(0, 3))))
    table = Table(whole, named)
    rejected = insert_by_halves([{"n": number} for number in range(count)], table.send)
    assert sorted(row["n"] for row, _ in rejected) == sorted(whole | named)
    assert sorted(table.written) == sorted(set(range(count)) - whole - named)
    assert table.requests <= 4 * (len(whole) + len(named) + 1) * (math.log2(count + 1) + 2)


def test_one_bad_row_of_five_hundred_costs_twice_the_logarithm():
    table = Table({77})
    [rejected] = insert_by_halves([{"n": number} for number in range(500)], table.send)
    assert rejected.row == {"n": 77}
    assert rejected.errors == BAD_REQUEST
    assert table.requests <= 2 * math.ceil(math.log2(500))


def test_other_errors_are_not_those_of_a_request():
    assert is_whole(BAD_REQUEST)
    assert not is_whole([{"reason": "invalid"}])
    assert not is_whole([{"reason": "Forbidden"}])
    assert not is_whole([])


def test_rows_that_stop_each_other_are_rejected_and_not_sent_for_ever():
    def send(rows: list[dict]) -> list[dict]:
        return [{"index": index, "errors": [{"reason": "stopped"}]} for index in range(len(rows))]

    assert len(insert_by_halves([{"n": 1}, {"n": 2}], send)) == 2
