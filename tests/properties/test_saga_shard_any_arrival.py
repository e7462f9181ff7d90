"""Hundreds of orders through a shard in any order, with crashes: like the plain reducer in the end, each alert once."""

from collections import defaultdict
from random import Random

import pytest

from schemas.saga.alert_events import saga_alert_events
from schemas.saga.reducer import END_OF_INPUT_US
from tests.support.saga_events import MINUTE_US, START_US, alerts_of, arrivals, generated_orders, reduced
from tests.support.saga_stream import DAY_US, Stream


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
        stream.add_facts(*some)
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
        stream.add_facts(*facts[start : start + 100])
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
        stream.add_facts(*facts[start : start + 50])
        stream.advance(START_US + start * MINUTE_US)
    versions = defaultdict(list)
    for saga in stream.sagas:
        versions[saga.order_id].append(saga.version)
    assert all(mine == sorted(set(mine)) for mine in versions.values())


def test_the_log_is_rewritten_before_it_grows_long():
    stream = Stream(retention_us=DAY_US)
    longest = 0
    for number in range(60):
        orders = generated_orders(100, seed=number)
        orders = {f"{order_id}-{number}": facts for order_id, facts in orders.items()}
        for some in arrivals(orders):
            stream.add_facts(
                some._replace(
                    publish_us=some.publish_us + number * 5 * DAY_US,
                    fact=some.fact._replace(event_time_us=some.fact.event_time_us + number * 5 * DAY_US),
                )
            )
        stream.advance(START_US + (number * 5 + 4) * DAY_US)
        longest = max(longest, len(stream.log))
    assert longest < 6_000
