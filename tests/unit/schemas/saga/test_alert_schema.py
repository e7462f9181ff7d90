"""The Pub/Sub schema of saga alerts, compiled by protoc: all that is published fits it, and what is another does not.

Pub/Sub rejects what does not fit a topic's schema; the published alerts of every golden saga are tried here.
"""

import json
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

from schemas.saga.alert_events import COMPENSATION_REQUESTED, EVENT_TYPES, saga_alert_events
from schemas.saga.reducer import END_OF_INPUT_US, order_facts, reduce_saga
from tests.support.paths import ROOT
from tests.support.saga_examples import golden_fact

protoc = pytest.importorskip("grpc_tools.protoc", reason="pip install -r requirements-dev.txt brings protoc")
SCHEMA = ROOT / "templates" / "pubsub" / "saga_alert.proto"
GOLDEN = sorted((ROOT / "tests" / "data" / "sagas").glob("*.json"))


@pytest.fixture(scope="module")
def message(tmp_path_factory) -> Any:
    compiled = tmp_path_factory.mktemp("schema") / "schema.pb"
    assert protoc.main(["", f"-I{SCHEMA.parent}", f"--descriptor_set_out={compiled}", SCHEMA.name]) == 0
    (file,) = descriptor_pb2.FileDescriptorSet.FromString(compiled.read_bytes()).file
    assert len(file.message_type) == 1, "Pub/Sub takes a schema of one message"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(file.message_type[0].name))


def published() -> list[dict[str, Any]]:
    events = []
    for path in GOLDEN:
        facts = json.loads(path.read_text())["facts"]
        made = [golden_fact(spec, position) for position, spec in enumerate(facts, start=1)]
        events += saga_alert_events(reduce_saga("ord-1", order_facts(made), now_us=END_OF_INPUT_US))
    return events


def test_every_alert_that_is_published_fits_and_none_of_it_is_lost(message):
    events = published()
    assert {event["eventType"] for event in events} == {*EVENT_TYPES.values(), COMPENSATION_REQUESTED}
    for event in events:
        read = json_format.Parse(json.dumps(event), message())
        assert without_nothing(json_format.MessageToDict(read)) == without_nothing(event)


def without_nothing(value: Any) -> Any:
    """Return a value without nulls; the JSON of protobuf has int64 as text."""
    if isinstance(value, dict):
        return {name: without_nothing(item) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nothing(item) for item in value]
    return str(value)


@pytest.mark.parametrize(
    "change",
    [{"event": "x"}, {"eventId": 3}, {"data": "x"}, {"data": {"orderId": "o", "customer": "c"}}],
    ids=json.dumps,
)
def test_other_values_are_rejected(message, change):
    with pytest.raises(json_format.ParseError):
        json_format.Parse(json.dumps({**published()[0], **change}), message())
