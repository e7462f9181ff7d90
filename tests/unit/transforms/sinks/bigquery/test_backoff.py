"""The sink waits longer and longer, never at one moment with others, and never beyond its budget."""

import pytest

from transforms.sinks.bigquery.backoff import MAXIMUM_SECONDS, RetryBudget, RetryState, jittered_delay


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def retry_budget(clock: Clock, budget: float = 600.0, draw: float = 0.999) -> RetryBudget:
    return RetryBudget(budget, clock=clock, sleep=clock.sleep, draw=lambda: draw)


@pytest.mark.parametrize("failures", [1, 2, 5, 9, 40, 5000])
def test_a_delay_is_between_zero_and_an_exponential_bound(failures: int) -> None:
    bound = min(MAXIMUM_SECONDS, 0.1 * 2.0 ** min(failures - 1, 30))
    assert jittered_delay(failures, 0.0) == 0.0
    assert jittered_delay(failures, 0.5) == pytest.approx(bound / 2)
    assert jittered_delay(failures, 0.999999) < bound


def test_a_request_that_always_fails_ends_with_the_budget() -> None:
    clock, retries = Clock(), RetryState()
    table = retry_budget(clock, budget=60)
    while table.wait(retries):
        table.succeeded()  # other requests pass all the while
    assert sum(clock.slept) == pytest.approx(60)
    assert clock.slept == sorted(clock.slept[:-1]) + clock.slept[-1:]


def test_an_outage_costs_one_budget_and_not_one_a_request() -> None:
    clock = Clock()
    table = retry_budget(clock, budget=60)
    first = RetryState()
    while table.wait(first):
        pass
    before = clock.now
    assert not table.wait(RetryState())
    assert clock.now == before


def test_after_a_success_a_request_has_the_whole_budget_again() -> None:
    clock = Clock()
    table = retry_budget(clock, budget=60)
    first = RetryState()
    while table.wait(first):
        pass
    table.succeeded()
    assert table.wait(RetryState())


def test_a_failure_long_after_the_last_begins_a_new_outage() -> None:
    clock = Clock()
    table = retry_budget(clock, budget=60)
    first = RetryState()
    while table.wait(first):
        pass
    clock.now += 3600
    assert table.wait(RetryState())


def test_a_budget_of_zero_never_waits() -> None:
    clock = Clock()
    assert not retry_budget(clock, budget=0).wait(RetryState())
    assert clock.slept == []


def test_waits_are_counted_once() -> None:
    table = retry_budget(Clock())
    table.wait(RetryState())
    table.wait(RetryState())
    assert (table.take_waits(), table.take_waits()) == (2, 0)


def test_a_negative_budget_is_rejected() -> None:
    with pytest.raises(ValueError, match="budget_seconds"):
        RetryBudget(-1)
