"""The sagas of a shard, as a stream feeds them: like the plain reducer in the end, each alert once, nothing kept."""

from schemas.saga.reducer import DEFAULT_TIMEOUT_US, END_OF_INPUT_US
from tests.support.saga_events import (
    MINUTE_US,
    START_US,
    arrivals,
    generated_orders,
    reduced,
)
from tests.support.saga_stream import DAY_US, RETENTION_US, Stream
from transforms.sagas.columns import OrderFacts
from transforms.sagas.shard import KnownOrder, SagaShard


def test_a_known_fact_changes_nothing():
    [first, *_] = arrivals(generated_orders(2, seed=1))
    stream = Stream()
    stream.add_facts(first)
    stream.add_facts(first, first)
    assert len(stream.sagas) == len(stream.log) == 1


def test_every_row_of_an_order_has_a_higher_version_also_for_an_unequal_fact_under_a_known_event_id():
    created, updated, *more = arrivals({"o": _happy()})
    unequal = updated._replace(fact=updated.fact._replace(quantity=updated.fact.quantity + 1))
    stream = Stream()
    for arrival in (created, updated, unequal):
        stream.add_facts(arrival)
    assert [(saga.version, saga.events) for saga in stream.sagas] == [(2, 1), (4, 2), (6, 2)]
    known = KnownOrder(
        "o", [one.fact for one in (created, updated, unequal)], [created.publish_us] * 3, frozenset(), version=6
    )
    restored = SagaShard(DEFAULT_TIMEOUT_US, RETENTION_US)
    assert not restored.restore([known]).sagas
    facts = OrderFacts("o", [more[0].fact], [more[0].publish_us])
    assert [(saga.version, saga.events) for saga in restored.add_facts([facts]).sagas] == [(8, 3)]


def test_a_saga_is_stuck_when_the_watermark_is_past_its_deadline_and_not_before():
    [created, *_] = arrivals({"o": _happy()})
    stream = Stream()
    stream.add_facts(created)
    stream.advance(created.publish_us + DEFAULT_TIMEOUT_US)
    assert len(stream.sagas) == 1
    stream.advance(stream.shard.next_due())
    assert stream.shard.next_due() > created.publish_us + RETENTION_US
    assert [saga.alerts for saga in stream.sagas] == [(), ("SAGA_STUCK",)]


def test_the_watermark_waits_for_history_that_is_published_late():
    facts = [arrival._replace(publish_us=arrival.publish_us + 200 * DAY_US) for arrival in arrivals({"o": _happy()})]
    stream = Stream()
    for fact in facts:
        stream.add_facts(fact)
        stream.advance(fact.publish_us)
    stream.advance(facts[-1].publish_us + DAY_US)
    assert {saga.alerts for saga in stream.sagas} == {()}
    assert stream.rows() == reduced({"o": _happy()})


def test_a_closed_saga_is_forgotten_after_its_retention_and_its_late_facts_are_counted():
    *facts, last = arrivals({"o": _happy()})
    stream = Stream(retention_us=DAY_US)
    stream.add_facts(*facts)
    stream.advance(facts[-1].publish_us + 2 * DAY_US)
    rows = len(stream.sagas)
    assert len(stream.shard) == 1
    stream.add_facts(last)
    assert (stream.late, len(stream.sagas)) == (1, rows)
    stream.advance(facts[-1].publish_us + 4 * DAY_US)
    assert len(stream.shard) == 0
    assert stream.shard.next_due() is None


def test_a_saga_that_stays_stuck_is_forgotten_too():
    stream = Stream(retention_us=DAY_US)
    stream.add_facts(arrivals({"o": _happy()})[0])
    stream.advance(END_OF_INPUT_US)
    assert len(stream.shard) == 0
    assert not SagaShard(DEFAULT_TIMEOUT_US, DAY_US, stream.log)


def test_a_row_of_an_expired_order_ranks_below_the_old_one():
    facts = arrivals({"o": _happy()})
    stream = Stream(retention_us=DAY_US)
    stream.add_facts(*facts[:-1])
    stream.advance(START_US + 10 * DAY_US)
    stream.add_facts(facts[-1])
    assert stream.rows()["o"].events == len(facts) - 1


def _happy():
    return next(
        facts
        for facts in generated_orders(50, seed=5).values()
        if len(facts) == 4
        and facts[-1].event_type == "order.completed"
        and facts[-1].event_time_us - facts[0].event_time_us < 20 * MINUTE_US
    )


def test_a_stuck_saga_stays_stuck_when_a_late_fact_is_not_a_step():
    created, *_ = _happy()
    update = created._replace(
        event_time_us=created.event_time_us + MINUTE_US,
        event_type="order.updated",
        event_id="ffffffff-0000-4000-8000-000000000001",
    )
    stream = Stream()
    stream.add_facts(*arrivals({"o": [created]}))
    stream.advance(created.event_time_us + 60 * MINUTE_US)
    stream.add_facts(*arrivals({"o": [update]}))
    assert [(saga.version, saga.stuck) for saga in stream.sagas] == [(2, False), (3, True), (5, True)]


def test_an_old_fact_that_comes_late_does_not_put_the_deadline_off():
    created, reserved, *_ = arrivals({"o": _happy()})
    stream = Stream()
    stream.add_facts(reserved)
    due = stream.shard.next_due()
    stream.add_facts(created._replace(publish_us=created.publish_us + 20 * DAY_US))
    assert stream.shard.next_due() == due


def test_what_is_forgotten_is_no_longer_in_a_rebuilt_shard():
    stream = Stream(retention_us=DAY_US)
    stream.add_facts(*arrivals({"o": _happy()}))
    [before] = SagaShard(DEFAULT_TIMEOUT_US, DAY_US, stream.log).snapshot()
    stream.advance(START_US + 2 * DAY_US)
    [after] = SagaShard(DEFAULT_TIMEOUT_US, DAY_US, stream.log).snapshot()
    assert len(after) < len(before) / 3


def test_orders_of_a_minute_share_a_handful_of_timers_also_where_the_timeout_is_short():
    created, *_ = _happy()
    shard = SagaShard(MINUTE_US, DAY_US)
    for number in range(600):
        at = created.event_time_us + number * MINUTE_US // 600
        fact = created._replace(event_time_us=at, event_id=f"{number:08x}-0000-4000-8000-000000000001")
        shard.add_facts([OrderFacts(f"o-{number}", [fact], [at])])
    timers = 0
    while len(shard) and (due := shard.next_due()) is not None and due < created.event_time_us + 3 * MINUTE_US:
        timers += 1
        assert shard.advance(due).sagas, "a timer that finds nothing"
    assert 5 <= timers <= 8
