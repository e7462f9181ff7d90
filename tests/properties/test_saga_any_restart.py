"""A stream that starts again from the stores alone goes on as if it had never stopped: rows, versions, alerts."""

from collections import defaultdict
from random import Random

import pytest

from schemas.saga.alert_events import saga_alert_events
from schemas.saga.reducer import DEFAULT_TIMEOUT_US, END_OF_INPUT_US, Saga
from tests.support.saga_events import (
    MINUTE_US,
    START_US,
    Arrival,
    alerts_of,
    arrivals,
    generated_orders,
    reduced,
)
from transforms.sagas.columns import OrderFacts
from transforms.sagas.shard import Changes, KnownOrder, SagaShard

DAY_US = 24 * 60 * MINUTE_US


class Stores:
    """What outlives a run: events, rows of sagas and alerts; and what was published."""

    def __init__(self, retention_us: int = 30 * DAY_US) -> None:
        self._retention_us = retention_us
        self.facts: dict[str, list[Arrival]] = defaultdict(list)
        self.rows: dict[str, Saga] = {}
        self.written: list[Saga] = []
        self.alerts: list[tuple[str, str, int]] = []
        self.published: list[str] = []
        self.late = 0
        self.start()

    def start(self) -> None:
        """Begin a run with what the stores know."""
        self.shard = SagaShard(DEFAULT_TIMEOUT_US, self._retention_us)
        self._take(self.shard.restore(self.known()))
        self._watermark = 0

    def known(self) -> list[KnownOrder]:
        raised = defaultdict(set)
        for order_id, alert, _ in self.alerts:
            raised[order_id].add(alert)
        return [
            KnownOrder(
                order_id,
                [arrival.fact for arrival in mine],
                [arrival.publish_us for arrival in mine],
                frozenset(raised[order_id]),
                self.rows[order_id].version if order_id in self.rows else 0,
            )
            for order_id, mine in self.facts.items()
        ]

    def _take(self, changes: Changes, keep: bool = True) -> None:
        if not keep:
            return
        for saga in changes.alerted:
            self.published += [event["eventId"] for event in saga_alert_events(saga)]
        self.alerts += alerts_of(changes.alerted)
        self.late += changes.late
        for saga in changes.sagas:
            self.written.append(saga)
            if saga.order_id not in self.rows or saga.version > self.rows[saga.order_id].version:
                self.rows[saga.order_id] = saga

    def add_facts(self, *some: Arrival, rows_lost: bool = False) -> None:
        """Take events in; `rows_lost`: the kill comes when the events are stored and the sagas' rows are not."""
        facts = defaultdict(list)
        for arrival in some:
            facts[arrival.order_id].append(arrival)
            self.facts[arrival.order_id].append(arrival)
        orders = [
            OrderFacts(order_id, [arrival.fact for arrival in mine], [arrival.publish_us for arrival in mine])
            for order_id, mine in facts.items()
        ]
        self._take(self.shard.add_facts(orders), keep=not rows_lost)

    def advance(self, watermark_us: int) -> None:
        self._take(self.shard.advance(watermark_us))


def run(facts: list[Arrival], stops: float, kills: float, seed: int) -> Stores:
    """Feed facts in pieces; after some of them the run ends, by a stop or in the middle of a piece by a kill."""
    rng, stores = Random(seed), Stores()
    while facts:
        some, facts = facts[:20], facts[20:]
        killed = rng.random() < kills
        stores.add_facts(*some, rows_lost=killed)
        if killed or rng.random() < stops:
            stores.start()
        stores.advance(some[-1].publish_us - 1_000_000)
    stores.advance(END_OF_INPUT_US)
    return stores


@pytest.mark.parametrize(
    ("stops", "kills"), [(0.0, 0.0), (0.3, 0.0), (0.0, 0.3), (1.0, 0.0)], ids=["never", "stops", "kills", "always"]
)
def test_rows_and_alerts_are_those_of_an_undisturbed_run(stops, kills):
    orders = generated_orders(300, seed=41)
    expected = reduced(orders)
    stores = run(arrivals(orders, delay_us=400_000), stops, kills, seed=7)
    assert stores.rows == expected
    assert sorted(stores.alerts) == alerts_of(expected.values())
    said = [event["eventId"] for saga in expected.values() for event in saga_alert_events(saga)]
    assert set(stores.published) == set(said)
    assert kills or len(stores.published) == len(said), "only a kill makes a request come again, under the same id"


def test_a_stop_writes_no_row_and_no_alert_again():
    orders = generated_orders(150, seed=42)
    facts = arrivals(orders, delay_us=400_000)
    undisturbed, stopped = run(facts, 0, 0, seed=1), run(facts, 1.0, 0, seed=1)
    told = [(saga.order_id, saga.version) for saga in stopped.written]
    assert len(told) == len(set(told))
    assert sorted(told) == sorted((saga.order_id, saga.version) for saga in undisturbed.written)


@pytest.mark.parametrize("seed", range(4))
def test_in_whatever_order_facts_arrive_the_rows_are_the_reducers_and_no_alert_comes_twice(seed):
    orders = generated_orders(200, seed=43)
    facts = arrivals(orders)
    Random(seed).shuffle(facts)
    stores = run(facts, 0.3, 0.1, seed)
    assert stores.rows == reduced(orders)
    raised = [(order_id, alert) for order_id, alert, _ in stores.alerts]
    assert len(raised) == len(set(raised))


def test_an_order_that_was_called_stuck_by_the_end_of_an_input_recovers_without_a_second_alert():
    [facts] = [mine for mine in generated_orders(80, seed=5).values() if len(mine) == 4][:1]
    steps = [
        fact._replace(event_time_us=START_US + minute * MINUTE_US)
        for fact, minute in zip(facts, [0, 1, 2, 50], strict=True)
    ]
    [first, second, third, last] = arrivals({"o": steps})
    stores = Stores()
    stores.add_facts(first, second)
    stores.advance(END_OF_INPUT_US)
    assert stores.rows["o"].version == 5
    stores.start()
    assert len(stores.written) == 2, "what stands is not written again"
    stores.add_facts(third)
    assert stores.rows["o"].version == 6
    assert stores.rows["o"].alerts == ()
    stores.add_facts(last)
    assert [(alert, at) for _, alert, at in stores.alerts if alert == "SAGA_STUCK"] == [
        ("SAGA_STUCK", second.fact.event_time_us + 30 * MINUTE_US)
    ]


def test_an_order_whose_retention_is_over_is_forgotten_again_and_a_late_fact_is_counted():
    [facts] = [mine for mine in generated_orders(80, seed=5).values() if len(mine) == 4][:1]
    [*some, late] = arrivals({"o": facts})
    stores = Stores(retention_us=DAY_US)
    stores.add_facts(*some)
    stores.start()
    stores.advance(START_US + 2 * DAY_US)
    before = len(stores.written)
    stores.add_facts(late)
    assert (stores.late, len(stores.written)) == (1, before)


def test_the_state_after_a_recall_is_the_complete_shard():
    orders = generated_orders(200, seed=44)
    stores = Stores()
    stores.add_facts(*arrivals(orders))
    stores.start()
    log = list(stores.shard.snapshot())
    rebuilt = SagaShard(DEFAULT_TIMEOUT_US, 30 * DAY_US, log)
    assert len(rebuilt) == len(orders)
    assert [saga.version for saga in rebuilt.advance(END_OF_INPUT_US).sagas] == [
        saga.version for saga in stores.shard.advance(END_OF_INPUT_US).sagas
    ]
