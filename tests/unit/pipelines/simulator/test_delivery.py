"""The simulator in this process: published messages, sizes, large messages, quotas, and the curve of a day."""

import ast
from collections import Counter
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from random import Random

import pytest

from pipelines import simulator as simulation
from pipelines.simulator import Simulation, SimulationConfig, messages
from pipelines.simulator.clock import DAY, HOUR, SECOND, arrivals, rfc3339, rfc3339_offset
from pipelines.simulator.delivery import Quota
from pipelines.simulator.event import TOPIC_OF, TOPICS, Event
from pipelines.simulator.invalid_messages import FAULTS, LARGE_FROM_EVENTS, Deck, make_invalid
from pipelines.simulator.random_values import money

EVENT = Event(
    "7b0d3a5e-0000-4000-8000-000000000001", "payment.processed", 1_767_225_600 * SECOND,
    '{"paymentId":"pay-1","orderId":"ord-1","amount":"9.99","currency":"EUR"}', "7b0d3a5e-0000-4000-8000-000000000002",
)  # fmt: skip


def test_published_messages_are_valid_for_pubsub():
    found = list(messages(SimulationConfig(events=4000, dirty=0.3, format="live")))
    outcomes = Counter(message.outcome for message in found)
    assert len(found) == 4000
    assert "NOT_A_MESSAGE" not in outcomes
    assert all(message.line is None and (message.data or message.attributes) for message in found)
    assert outcomes["EVENT_ID_CONFLICT"] > 0
    assert outcomes["TIME_RANGE"] > 0


def test_expected_results_match_a_stream_that_is_stopped_early():
    simulation = Simulation(SimulationConfig(events=5000, seed=4))
    taken = list(islice(simulation.messages(), 1200))
    assert simulation.truth.received == len(taken) == 1200
    assert simulation.truth.valid.total() == sum(message.outcome == "valid" for message in taken)


def test_all_event_types_are_on_their_topics():
    found = [m for m in messages(SimulationConfig(events=3000)) if m.outcome == "valid"]
    assert {(m.event.event_type, m.topic) for m in found} == set(TOPIC_OF.items())


@pytest.mark.parametrize("size", [420, 500, 900])
def test_events_have_the_requested_size(size):
    found = [len(m.data) for m in messages(SimulationConfig(events=3000, event_bytes=size)) if m.outcome == "valid"]
    assert sum(found) / len(found) == pytest.approx(size, rel=0.06)


@pytest.mark.parametrize("rate", [0.001, 5.0, 100_000.0])
def test_event_time_advances_at_the_requested_rate(rate):
    simulation = Simulation(SimulationConfig(events=2000, rate=rate, dirty=0, start="2027-03-01T06:00:00+02:00"))
    times = [message.event.time_us for message in simulation.messages() if message.outcome == "valid"]
    start = int(datetime(2027, 3, 1, 4, tzinfo=UTC).timestamp() * SECOND)
    assert min(times) >= start
    assert max(times) - start <= 2000 / rate * SECOND
    assert max(times) - start >= 0.98 * 2000 / rate * SECOND


def test_a_run_without_a_rate_takes_at_least_a_day():
    assert SimulationConfig(events=100).span_us == DAY
    assert SimulationConfig(events=100_000).span_us == pytest.approx(2 * DAY, rel=0.01)


def test_large_messages_are_dealt_at_most_twice_and_only_in_large_runs():
    for events, expected in ((LARGE_FROM_EVENTS - 1, 0), (LARGE_FROM_EVENTS, 2)):
        deck = Deck(events, "messages", Random(1))
        codes = Counter(deck.deal(EVENT).code for _ in range(500))
        assert codes["TOO_LARGE"] == expected


def test_a_large_message_is_one_byte_over_the_limit():
    fault = next(fault for fault in FAULTS if fault.code == "TOO_LARGE")
    assert len(make_invalid(EVENT, fault, EVENT.time_us, False, Random(1)).data) == 1_048_577


def test_each_round_of_the_deck_deals_every_fault_once():
    deck = Deck(1000, "messages", Random(2))
    faults = [fault for fault in FAULTS if fault.code != "TOO_LARGE"]
    dealt = Counter((f.stage, f.code, f.types) for f in (deck.deal(EVENT) for _ in range(3 * len(faults))))
    assert set(dealt.values()) == {3}


@pytest.mark.parametrize(("needed", "of"), [(0, 10), (10, 10), (3, 10), (25, 10), (1, 1), (999, 1000)])
def test_a_quota_is_dealt_exactly(needed, of):
    quota = Quota(needed, of, Random(5))
    assert sum(quota.take() for _ in range(of)) == needed


def test_arrivals_are_ordered_within_the_span_and_denser_in_the_evening():
    start = 1_767_225_600 * SECOND
    times = list(arrivals(10_000, start, 2 * DAY, Random(1)))
    assert times == sorted(times)
    assert start <= times[0]
    assert times[-1] < start + 2 * DAY
    hours = Counter((at - start) // HOUR % 24 for at in times)
    assert hours[20] > 5 * hours[3]


@pytest.mark.parametrize(
    ("units", "text"), [(0, "0.00"), (9_990_000, "999.00"), (1_234, "0.1234"), (10_500, "1.05"), (-10_001, "-1.0001")]
)
def test_money_is_written_exactly(units, text):
    assert money(units) == text


def test_times_are_written_in_utc_or_with_an_offset_as_the_same_instant():
    at = EVENT.time_us + 123_456
    assert rfc3339(at) == "2026-01-01T00:00:00.123456Z"
    assert rfc3339_offset(at, 345) == "2026-01-01T05:45:00.123456+05:45"


def test_no_topic_is_silent():
    found = Counter(message.topic for message in messages(SimulationConfig(events=1000)))
    assert set(found) == set(TOPICS)


def test_the_generator_shares_no_code_with_what_it_judges():
    for path in Path(simulation.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            assert not any(name.split(".")[0] in ("schemas", "transforms") for name in names), path.name
