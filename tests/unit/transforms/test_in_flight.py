"""What a source asks before it takes more: how much of what it handed out has arrived."""

import uuid

import pyarrow as pa
import pytest

from schemas.tables.definitions import EVENTS
from transforms.in_flight import InFlight, _appended, _refused
from transforms.sinks.results import FailedRows


@pytest.fixture
def flow() -> InFlight:
    return InFlight(uuid.uuid4().hex)


def test_what_arrives_or_goes_no_further_is_not_on_its_way(flow):
    flow.add(10)
    flow.settle(3)
    assert flow.rows() == 7


def test_runs_of_one_process_are_counted_apart(flow):
    flow.add(10)
    assert InFlight(uuid.uuid4().hex).rows() == 0
    assert InFlight(flow.run_id).rows() == 10


def test_only_rows_of_the_event_store_count_and_refused_ones_too(flow):
    flow.add(10)
    _appended((EVENTS.name, 4), flow)
    _appended(("order_events", 4), flow)
    rows = pa.RecordBatch.from_pydict({"event_id": ["a", "b"]})
    _refused(FailedRows(EVENTS.name, rows, "SINK_REJECTED", "why", 1), flow)
    _refused(FailedRows("order_events", rows, "SINK_REJECTED", "why", 1), flow)
    assert flow.rows() == 4
