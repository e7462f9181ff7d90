"""The sagas of a shard, as a stream feeds them: like the plain reducer in the end, each alert once, nothing kept."""

from collections import defaultdict
from random import Random

import pytest

from schemas.saga import DEFAULT_TIMEOUT_US, END_OF_INPUT_US, Saga
from schemas.saga_alerts import saga_alert_events
from tests.support.saga_events import (
    MINUTE_US,
    START_US,
    Arrival,
    alerts_of,
    arrivals,
    generated_orders,
    reduced,
)
from transforms.saga_columns import OrderFacts
from transforms.saga_shard import Changes, SagaShard

DAY_US = 24 * 60 * MINUTE_US
RETENTION_US = 30 * DAY_US


class Stream:
    """A shard and its log; `crash` forgets the shard, so that the next call rebuilds it from the shuffled log."""

    def __init__(self, retention_us: int = RETENTION_US) -> None:
        self._retention_us = retention_us
        self.log: list[bytes] = []
        self.sagas: list[Saga] = []
        self.alerted: list[Saga] = []
        self.late = 0
        self.shard = self._rebuilt()

    def _rebuilt(self) -> SagaShard:
        return SagaShard(DEFAULT_TIMEOUT_US, self._retention_us, self.log)

    def crash(self, rng: Random) -> None:
        rng.shuffle(self.log)
        self.shard = self._rebuilt()

    def _take(self, changes: Changes) -> None:
        self.sagas += changes.sagas
        self.alerted += changes.alerted
        self.late += changes.late
        if self.shard.wants_snapshot:
            self.log = list(self.shard.snapshot())
        elif changes.log:
            self.log.append(changes.log)

    def absorb(self, *some: Arrival) -> None:
        facts = defaultdict(list)
        for arrival in some:
            facts[arrival.order_id].append(arrival)
        self._take(
            self.shard.absorb(
                OrderFacts(order_id, [one.fact for one in mine], [one.publish_us for one in mine])
                for order_id, mine in facts.items()
            )
        )

    def advance(self, watermark_us: int) -> None:
        self._take(self.shard.advance(watermark_us))

    def rows(self) -> dict[str, Saga]:
        """Return what the view order_saga_current takes: each order's row of the highest version."""
        rows: dict[str, Saga] = {}
        for saga in self.sagas:
            if saga.order_id not in rows or saga.version > rows[saga.order_id].version:
                rows[saga.order_id] = saga
        return rows


@pytest.fixture(scope="module")
def orders():
    return generated_orders(600, seed=11)


@pytest.mark.parametrize("crashes", [False, True], ids=["held", "rebuilt_from_the_log"])
def test_in_order_of_time_rows_and_alerts_are_those_of_the_plain_reducer(orders, crashes):
    rng, stream = Random(1), Stream()
    facts = arrivals(orders, delay_us=400_000)
    while facts:
        size = rng.randint(1, 60)
        some, facts = facts[:size], facts[size:]
        stream.absorb(*some)
        stream.advance(some[-1].publish_us - 1_000_000)
        if crashes and rng.random() < 0.2:
            stream.crash(rng)
    stream.advance(END_OF_INPUT_US)
    expected = reduced(orders)
    assert stream.rows() == expected
    assert alerts_of(stream.alerted) == alerts_of(expected.values())
    assert stream.late == 0


@pytest.mark.parametrize("seed", range(5))
def test_whatever_the_order_of_arrival_the_highest_version_is_the_reducers_and_no_alert_comes_twice(orders, seed):
    rng, stream = Random(seed), Stream()
    facts = arrivals(orders)
    rng.shuffle(facts)
    facts += rng.sample(facts, 200)
    for start in range(0, len(facts), 100):
        stream.absorb(*facts[start : start + 100])
        stream.advance(START_US + rng.randrange(800) * MINUTE_US)
        if rng.random() < 0.2:
            stream.crash(rng)
    stream.advance(START_US + DAY_US)
    assert stream.rows() == reduced(orders)
    raised = [(saga.order_id, alert.name) for saga in stream.alerted for alert in saga.raised]
    assert len(raised) == len(set(raised))
    envelopes = [event["eventId"] for saga in stream.alerted for event in saga_alert_events(saga)]
    assert len(envelopes) == len(set(envelopes))


def test_versions_of_an_order_only_grow(orders):
    rng, stream = Random(3), Stream()
    facts = arrivals(orders)
    rng.shuffle(facts)
    for start in range(0, len(facts), 50):
        stream.absorb(*facts[start : start + 50])
        stream.advance(START_US + start * MINUTE_US)
    versions = defaultdict(list)
    for saga in stream.sagas:
        versions[saga.order_id].append(saga.version)
    assert all(mine == sorted(set(mine)) for mine in versions.values())


def test_a_known_fact_changes_nothing():
    [first, *_] = arrivals(generated_orders(2, seed=1))
    stream = Stream()
    stream.absorb(first)
    stream.absorb(first, first)
    assert len(stream.sagas) == len(stream.log) == 1


def test_a_saga_is_stuck_when_the_watermark_is_past_its_deadline_and_not_before():
    [created, *_] = arrivals({"o": _happy()})
    stream = Stream()
    stream.absorb(created)
    stream.advance(created.publish_us + DEFAULT_TIMEOUT_US)
    assert len(stream.sagas) == 1
    stream.advance(stream.shard.next_due())
    assert stream.shard.next_due() > created.publish_us + RETENTION_US
    assert [saga.alerts for saga in stream.sagas] == [(), ("SAGA_STUCK",)]


def test_the_watermark_waits_for_history_that_is_published_late():
    facts = [one._replace(publish_us=one.publish_us + 200 * DAY_US) for one in arrivals({"o": _happy()})]
    stream = Stream()
    for fact in facts:
        stream.absorb(fact)
        stream.advance(fact.publish_us)
    stream.advance(facts[-1].publish_us + DAY_US)
    assert {saga.alerts for saga in stream.sagas} == {()}
    assert stream.rows() == reduced({"o": _happy()})


def test_a_closed_saga_is_forgotten_after_its_retention_and_its_late_facts_are_counted():
    *facts, last = arrivals({"o": _happy()})
    stream = Stream(retention_us=DAY_US)
    stream.absorb(*facts)
    stream.advance(facts[-1].publish_us + 2 * DAY_US)
    rows = len(stream.sagas)
    assert len(stream.shard) == 1
    stream.absorb(last)
    assert (stream.late, len(stream.sagas)) == (1, rows)
    stream.advance(facts[-1].publish_us + 4 * DAY_US)
    assert len(stream.shard) == 0
    assert stream.shard.next_due() is None


def test_a_saga_that_stays_stuck_is_forgotten_too():
    stream = Stream(retention_us=DAY_US)
    stream.absorb(arrivals({"o": _happy()})[0])
    stream.advance(END_OF_INPUT_US)
    assert len(stream.shard) == 0
    assert not SagaShard(DEFAULT_TIMEOUT_US, DAY_US, stream.log)


def test_a_row_of_a_forgotten_order_that_comes_again_stands_below_the_old_one():
    facts = arrivals({"o": _happy()})
    stream = Stream(retention_us=DAY_US)
    stream.absorb(*facts[:-1])
    stream.advance(START_US + 10 * DAY_US)
    stream.absorb(facts[-1])
    assert stream.rows()["o"].events == len(facts) - 1


def test_the_log_is_rewritten_before_it_grows_long():
    stream = Stream(retention_us=DAY_US)
    longest = 0
    for number in range(60):
        orders = generated_orders(100, seed=number)
        orders = {f"{order_id}-{number}": facts for order_id, facts in orders.items()}
        for some in arrivals(orders):
            stream.absorb(
                some._replace(
                    publish_us=some.publish_us + number * 5 * DAY_US,
                    fact=some.fact._replace(event_time_us=some.fact.event_time_us + number * 5 * DAY_US),
                )
            )
        stream.advance(START_US + (number * 5 + 4) * DAY_US)
        longest = max(longest, len(stream.log))
    assert longest < 6_000


def _happy():
    return next(
        facts
        for facts in generated_orders(50, seed=5).values()
        if len(facts) == 4
        and facts[-1].event_type == "order.completed"
        and facts[-1].event_time_us - facts[0].event_time_us < 20 * MINUTE_US
    )


def test_a_stuck_saga_stays_stuck_when_a_late_fact_is_no_step():
    created, *_ = _happy()
    update = created._replace(
        event_time_us=created.event_time_us + MINUTE_US,
        event_type="order.updated",
        event_id="ffffffff-0000-4000-8000-000000000001",
    )
    stream = Stream()
    stream.absorb(*arrivals({"o": [created]}))
    stream.advance(created.event_time_us + 60 * MINUTE_US)
    stream.absorb(*arrivals({"o": [update]}))
    assert [(saga.version, saga.stuck) for saga in stream.sagas] == [(2, False), (3, True), (5, True)]


def test_an_old_fact_that_comes_late_does_not_put_the_deadline_off():
    created, reserved, *_ = arrivals({"o": _happy()})
    stream = Stream()
    stream.absorb(reserved)
    due = stream.shard.next_due()
    stream.absorb(created._replace(publish_us=created.publish_us + 20 * DAY_US))
    assert stream.shard.next_due() == due


def test_what_is_forgotten_is_no_longer_in_a_rebuilt_shard():
    stream = Stream(retention_us=DAY_US)
    stream.absorb(*arrivals({"o": _happy()}))
    [before] = SagaShard(DEFAULT_TIMEOUT_US, DAY_US, stream.log).snapshot()
    stream.advance(START_US + 2 * DAY_US)
    [after] = SagaShard(DEFAULT_TIMEOUT_US, DAY_US, stream.log).snapshot()
    assert len(after) < len(before) / 3
