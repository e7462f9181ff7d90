"""The limit of a source: the number of messages and bytes between it and the tables."""

import uuid

import pyarrow as pa
import pytest

from schemas.tables.definitions import DEAD_LETTERS, EVENTS
from transforms.in_flight import InFlight, _appended, _rejected
from transforms.sinks.results import FailedRows


@pytest.fixture
def flow() -> InFlight:
    return InFlight(uuid.uuid4().hex)


def test_written_messages_are_not_in_flight(flow):
    flow.add(10, 1000)
    flow.remove(3)
    assert (flow.messages(), flow.bytes()) == (7, 700)


def test_bytes_are_removed_in_the_order_in_which_they_were_added(flow):
    flow.add(1, 9_000_000)
    flow.add(1000, 1000)
    flow.remove(1)
    assert (flow.messages(), flow.bytes()) == (1000, 1000)
    flow.remove(1000)
    assert (flow.messages(), flow.bytes()) == (0, 0)


def test_removing_more_than_was_added_leaves_nothing(flow):
    flow.add(2, 20)
    flow.remove(5)
    assert (flow.messages(), flow.bytes()) == (0, 0)
    flow.add(1, 7)
    assert (flow.messages(), flow.bytes()) == (1, 7)


def test_the_oldest_message_in_flight_is_known(flow):
    assert flow.oldest() is None
    flow.add(2, 20, oldest=500)
    flow.add(1, 10, oldest=300)
    assert flow.oldest() == 300
    flow.remove(1)
    assert flow.oldest() == 300
    flow.remove(2)
    assert flow.oldest() is None


def test_runs_of_one_process_are_counted_separately(flow):
    flow.add(10, 100)
    assert InFlight(uuid.uuid4().hex).messages() == 0
    assert InFlight(flow.run_id).bytes() == 100


def test_rows_of_events_and_dead_letters_count_and_rejected_ones_too(flow):
    flow.add(10, 100)
    _appended((EVENTS.name, 4), flow)
    _appended((DEAD_LETTERS.name, 1), flow)
    _appended(("order_events", 4), flow)
    rows = pa.RecordBatch.from_pydict({"event_id": ["a", "b"]})
    _rejected(FailedRows(EVENTS.name, rows, "SINK_REJECTED", "why", 1), flow)
    _rejected(FailedRows("order_events", rows, "SINK_REJECTED", "why", 1), flow)
    assert flow.messages() == 3
