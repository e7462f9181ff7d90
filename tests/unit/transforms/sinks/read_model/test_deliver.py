"""Delivery to a store: retries within the budget, and the one row that it does not take."""

import pytest

from schemas.outcomes import Code
from schemas.read_model.events import ModelEvent
from transforms.sinks.bigquery.backoff import RetryBudget
from transforms.sinks.read_model.deliver import deliver
from transforms.sinks.read_model.merge import newest_sagas
from transforms.sinks.read_model.store import RowsRejected, StoreUnavailable


class Store:
    """A store that rejects batches with some ids, and does not answer for a while."""

    def __init__(self, bad: set[str], away: int = 0) -> None:
        self.bad, self.away, self.written, self.calls = bad, away, [], 0

    def apply(self, events, sagas) -> None:
        self.calls += 1
        if self.away:
            self.away -= 1
            raise StoreUnavailable("away")
        if {event.event_id for event in events} & self.bad or any(saga["order_id"] in self.bad for saga in sagas):
            raise RowsRejected("no", "status")
        self.written += [event.event_id for event in events] + [saga["order_id"] for saga in sagas]


def events(count: int) -> list[ModelEvent]:
    return [ModelEvent("order_events", {"event_id": f"e{number}"}) for number in range(count)]


def budget(seconds: float = 60.0) -> RetryBudget:
    now = [0.0]
    return RetryBudget(
        seconds, clock=lambda: now[0], sleep=lambda wait: now.__setitem__(0, now[0] + wait), draw=lambda: 1.0
    )


@pytest.mark.parametrize("bad", [set(), {"e0"}, {"e99"}, {"e3", "e4", "o1"}])
def test_all_rows_but_the_bad_ones_are_written(bad):
    store = Store(bad)
    lost = deliver(store, events(100), [{"order_id": "o1"}, {"order_id": "o2"}], budget())
    names = [event.event_id for one in lost for event in one.events] + [
        s["order_id"] for one in lost for s in one.sagas
    ]
    assert sorted(names) == sorted(bad)
    assert {one.code for one in lost} <= {Code.SINK_REJECTED}
    assert len(store.written) == 102 - len(bad)


def test_a_store_that_comes_back_in_time_loses_nothing():
    store = Store(set(), away=5)
    assert deliver(store, events(10), [], budget()) == []
    assert len(store.written) == 10


def test_after_the_budget_all_rows_of_the_batch_are_undelivered():
    store = Store(set(), away=10**6)
    [lost] = deliver(store, events(10), [], budget(2.0))
    assert (lost.code, len(lost.events)) == (Code.SINK_EXHAUSTED, 10)
    assert lost.attempts == store.calls > 1


def test_of_several_rows_of_a_saga_the_highest_version_is_written():
    rows = [
        {"order_id": order, "version": version, "updated_time": 0, "run_id": "r"}
        for order, version in (("b", 1), ("a", 2), ("b", 3), ("a", 1))
    ]
    assert [(row["order_id"], row["version"]) for row in newest_sagas(rows)] == [("a", 2), ("b", 3)]
