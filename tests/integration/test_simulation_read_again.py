"""The truth of a simulation against a reader of its own: json and base64 only, none of the project's code."""

import base64
import itertools
import json
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from pipelines.simulator import Simulation, SimulationConfig
from pipelines.simulator.invalid_messages import FAULTS
from pipelines.simulator.order_scenarios import SCENARIOS
from pipelines.simulator.writer import write_files

EVENTS, DIRTY, DUPLICATES, LATE = 12_000, 0.1, 0.05, 0.03


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("simulated")
    config = SimulationConfig(events=EVENTS, seed=3, dirty=DIRTY, duplicates=DUPLICATES, late=LATE, rate=0.05)
    write_files(config, path, lambda done: None)
    return path


@pytest.fixture(scope="module")
def truth(folder) -> dict:
    return json.loads((folder / "truth.json").read_text())


@pytest.fixture(scope="module")
def sagas(folder) -> list[dict]:
    return [json.loads(line) for line in (folder / "truth-sagas.jsonl").read_bytes().splitlines()]


@pytest.fixture(scope="module")
def lines(folder) -> dict[str, list[bytes]]:
    topics = ("orders", "customers", "inventory", "iot-events")
    return {topic: (folder / f"{topic}.jsonl").read_bytes().splitlines() for topic in topics}


@pytest.fixture(scope="module")
def first_seen(lines) -> dict[str, tuple[datetime, dict]]:
    """Well-formed envelopes by event id, each as it was published first, with its publish time."""
    seen: dict[str, tuple[datetime, dict]] = {}
    for topic in lines.values():
        for line in topic:
            try:
                message = json.loads(line)
                event = json.loads(base64.b64decode(message["data"], validate=True).removeprefix(b"\xef\xbb\xbf"))
                key = event["eventId"].lower()
                published = datetime.fromisoformat(message["publishTime"])
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                continue
            if key not in seen or published < seen[key][0]:
                seen[key] = published, event
    return seen


@pytest.fixture(scope="module")
def planned(folder) -> list:
    """The same run in process: what the generator says of each message."""
    config = SimulationConfig(events=EVENTS, seed=3, dirty=DIRTY, duplicates=DUPLICATES, late=LATE, rate=0.05)
    return list(Simulation(config).messages())


@pytest.fixture(scope="module")
def valid(first_seen, planned) -> list[tuple[datetime, dict]]:
    """The valid events as the reader saw them: the ids are the generator's word, the content the file's."""
    return [first_seen[message.event.event_id] for message in planned if message.outcome == "valid"]


def test_every_message_has_one_outcome(truth):
    assert truth["messages"] == EVENTS
    assert truth["valid"] + truth["duplicates"] + truth["dead_letters"] == EVENTS
    for topic in truth["by_topic"].values():
        assert topic["valid"] + topic["duplicates"] + topic["dead_letters"] == topic["messages"]
    assert sum(truth["valid_by_event_type"].values()) == truth["valid"]
    assert sum(truth["dead_letters_by_code"].values()) == truth["dead_letters"]
    assert sum(truth["dead_letters_by_stage"].values()) == truth["dead_letters"]


def test_the_shares_are_the_requested_ones(truth):
    assert truth["dead_letters"] == round(EVENTS * DIRTY)
    assert truth["duplicates"] == round(EVENTS * DUPLICATES)
    assert truth["late"] == round(EVENTS * LATE)


def test_lines_by_topic_are_as_counted(truth, lines):
    assert {topic: len(found) for topic, found in lines.items()} == {
        topic: count["messages"] for topic, count in truth["by_topic"].items()
    }


def test_files_are_in_publish_order_and_equal_the_messages_in_memory(lines, planned):
    for topic, found in lines.items():
        mine = [message for message in planned if message.topic == topic]
        assert [message.publish_us for message in mine] == sorted(message.publish_us for message in mine)
        for line, message in zip(found, mine, strict=True):
            if message.line is not None:
                assert line == message.line
            else:
                written = json.loads(line)
                assert base64.b64decode(written["data"]) == message.data
                assert datetime.fromisoformat(written["publishTime"]) == message.publish_time
                assert (written["messageId"], written["attributes"]) == (message.message_id, message.attributes)


def test_event_types_of_valid_events_are_as_counted(truth, valid):
    assert Counter(event["eventType"] for _, event in valid) == truth["valid_by_event_type"]


def test_revenue_is_the_exact_sum_of_valid_payments(truth, valid):
    days: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for _, event in valid:
        if event["eventType"] == "payment.processed":
            at = datetime.fromisoformat(event["eventTime"][:26].removesuffix("Z") + offset_of(event["eventTime"]))
            day = (at - at.utcoffset()).strftime("%Y-%m-%d")
            days[day][event["data"]["currency"]] += Decimal(str(event["data"]["amount"]))
    told = {d: {c: Decimal(a) for c, a in amounts.items()} for d, amounts in truth["revenue_by_day"].items()}
    assert told == days
    assert any(amount == amount.quantize(Decimal("0.0001")) != amount.quantize(Decimal("0.01"))
               for amounts in told.values() for amount in amounts.values())  # fmt: skip


def offset_of(text: str) -> str:
    return "+00:00" if text.endswith("Z") else text[-6:]


def test_stock_is_reserved_minus_released(truth, valid):
    stock: Counter[str] = Counter()
    for _, event in valid:
        if event["eventType"].startswith("inventory."):
            data = event["data"]
            sign = 1 if event["eventType"] == "inventory.reserved" else -1
            stock[f"{data['sku']}|{data.get('warehouseId', '')}"] += sign * data["quantity"]
    assert dict(stock) == truth["stock"]


def test_readings_are_as_counted(truth, valid):
    values = defaultdict(list)
    for _, event in valid:
        if event["eventType"] == "iot.telemetry":
            values[event["data"]["metric"]].append(event["data"]["value"])
    for metric, days in truth["readings_by_day"].items():
        assert sum(day["count"] for day in days.values()) == len(values[metric])
        assert min(day["min"] for day in days.values()) == min(values[metric])
        assert max(day["max"] for day in days.values()) == max(values[metric])
        mean = sum(day["mean"] * day["count"] for day in days.values()) / len(values[metric])
        assert mean == pytest.approx(sum(values[metric]) / len(values[metric]))


def test_counts_by_hour_add_up(truth, valid):
    created = sum(Decimal(str(e["data"]["totalAmount"])) for _, e in valid if e["eventType"] == "order.created")
    hours = truth["event_counts_by_hour"]
    for name, count in truth["valid_by_event_type"].items():
        assert sum(hour["events"] for hour in hours[name].values()) == count
    assert sum(Decimal(hour["amount"]) for hour in hours["order.created"].values()) == created
    assert {hour["amount"] for hour in hours["order.updated"].values()} == {None}


def test_orders_and_customers_known_are_those_in_the_events(truth, valid, sagas):
    orders, customers, in_sagas = set(), set(), set()
    for _, event in valid:
        data, domain = event["data"], event["eventType"].partition(".")[0]
        if domain == "order":
            orders.add(data["orderId"])
        elif domain == "customer":
            customers.add(data["customerId"])
        if "orderId" in data:
            in_sagas.add(data["orderId"])
    assert truth["orders"]["known"] == sum(truth["orders"]["by_status"].values()) == len(orders)
    assert truth["customers"]["known"] == len(customers)
    assert truth["sagas"]["known"] == len(sagas) == len(in_sagas)
    assert {saga["order_id"] for saga in sagas} == in_sagas


def test_last_status_of_orders_is_by_event_time(truth, planned):
    status: dict[str, tuple[int, str]] = {}
    for message in planned:
        if message.outcome == "valid" and message.event.event_type.startswith("order."):
            data = json.loads(message.event.data)
            told = data.get("status")
            before = status.get(data["orderId"], (0, "(none)"))
            if told is None or message.event.time_us <= before[0]:
                status.setdefault(data["orderId"], before)
            else:
                status[data["orderId"]] = message.event.time_us, told
    assert Counter(told for _, told in status.values()) == truth["orders"]["by_status"]


def test_events_are_linked(valid):
    by_id = {event["eventId"]: event for _, event in valid}
    customers = {e["data"]["customerId"] for e in by_id.values() if e["eventType"] == "customer.registered"}
    caused = 0
    for event in by_id.values():
        cause = event["metadata"].get("causationId")
        if cause is not None:
            caused += 1
            assert by_id[cause]["metadata"]["correlationId"] == event["metadata"]["correlationId"]
        if event["eventType"] == "order.created":
            assert event["data"]["customerId"] in customers
    assert caused > len(by_id) / 3


def test_every_scenario_occurs_and_is_in_the_expected_sagas(truth, sagas):
    assert set(truth["sagas"]["by_life"]) == {life.name for life in SCENARIOS}
    assert Counter(saga["state"] for saga in sagas) == truth["sagas"]["by_state"]
    assert Counter(alert for saga in sagas for alert in saga["alerts"]) == truth["sagas"]["by_alert"]
    assert set(truth["sagas"]["by_alert"]) == {
        "SAGA_STUCK", "SAGA_RECOVERED", "COMPENSATION_ORDER", "ILLEGAL_TRANSITION",
    }  # fmt: skip


def test_sagas_are_stuck_by_their_gaps_and_nothing_is_in_doubt_at_the_end(truth, sagas, planned):
    """A stuck saga has a gap of more than 30 min, or its last step lies hours before the end; no other one has."""
    timeout = timedelta(minutes=30)
    end = datetime.fromisoformat(truth["last_event_time"])
    times = defaultdict(list)
    for message in planned:
        if message.outcome == "valid":
            times[message.event.correlation_id].append(message.event.time_us)
    for saga in sagas:
        steps = sorted(times[saga["correlation_id"]])
        assert len(steps) == saga["events"] == len(set(steps))
        gap = max((timedelta(microseconds=b - a) for a, b in itertools.pairwise(steps)), default=timedelta())
        updated = datetime.fromisoformat(saga["updated_time"])
        open_ended = saga["state"] not in ("COMPLETED", "CANCELLED")
        assert ("SAGA_STUCK" in saga["alerts"]) == (gap > timeout or open_ended)
        assert ("SAGA_RECOVERED" in saga["alerts"]) == (gap > timeout)
        assert not timedelta(minutes=15) < gap < timedelta(minutes=40)
        assert updated <= end
        if open_ended:
            assert end - updated > timeout + timedelta(hours=2)


def test_every_fault_occurs_except_the_one_that_needs_a_megabyte(truth):
    assert set(truth["dead_letters_by_stage"]) == {f"{f.stage}.{f.code}" for f in FAULTS} - {"bytes.TOO_LARGE"}
