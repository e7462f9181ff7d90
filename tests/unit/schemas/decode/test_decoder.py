"""A message becomes an event: its columns, its content, its notes, and what stays letter by letter."""

import json
from decimal import Decimal

import pytest

import schemas.decode.decoder
from schemas.decode.decoder import Decoder, decode
from schemas.event import Event
from schemas.registry import REGISTRY
from schemas.timestamps import parse_rfc3339
from tests.support.events import (
    ABSENT,
    CAUSATION_ID,
    CORRELATION_ID,
    DATA,
    EVENT_ID,
    PUBLISHED_US,
    accepted,
    make_event,
    make_message,
    spelled,
    topic_of,
    with_data,
)

BOM = b"\xef\xbb\xbf"
ITEM = {"sku": "a", "quantity": 1}
METADATA = {"correlationId": CORRELATION_ID, "causationId": CAUSATION_ID}
EVENT_TYPES = [event_type.name for event_type in REGISTRY]


def notes(event: dict | bytes, topic: str | None = None) -> tuple[str, ...]:
    return accepted(make_message(event, topic)).notes


def text_of(event: dict) -> bytes:
    return json.dumps(event).encode()


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_an_event_has_the_values_of_its_message(event_type):
    message = make_message(make_event(event_type), attributes={"origin": "till"})
    event = accepted(message)
    assert (event.event_id, event.event_type, event.topic) == (EVENT_ID, event_type, topic_of(event_type))
    assert event.event_time == parse_rfc3339("2026-03-01T11:59:00Z")[0]
    assert (event.correlation_id, event.causation_id) == (CORRELATION_ID, CAUSATION_ID)
    assert (event.message_id, event.publish_time) == ("m-1", PUBLISHED_US)
    assert json.loads(event.data) == DATA[event_type]
    assert (event.extensions, event.notes) == (None, ())
    assert isinstance(event.payload, REGISTRY.get(event_type).model)


@pytest.mark.parametrize(
    ("event_type", "entity_id", "amount"),
    [
        ("order.created", "B-2201", "16.90"),
        ("order.updated", "B-2201", None),
        ("order.completed", "B-2201", None),
        ("customer.registered", "K.77", None),
        ("customer.updated", "K.77", None),
        ("inventory.reserved", "tea:green", None),
        ("inventory.released", "tea:green", None),
        ("payment.processed", "P_9", "16.90"),
        ("payment.failed", "P_9", "16.90"),
        ("iot.telemetry", "boiler-3", None),
    ],
)
def test_entity_and_amount_of_every_event_type(event_type, entity_id, amount):
    event = accepted(make_message(make_event(event_type)))
    assert event.entity_id == entity_id
    assert event.amount == (None if amount is None else Decimal(amount))


def test_an_order_without_a_total_adds_no_amount():
    assert accepted(make_message(with_data("order.created", totalAmount=ABSENT))).amount is None


@pytest.mark.parametrize("written", ["0e1", "0E+2", "0e30", "0"])
def test_an_amount_of_nought_has_no_exponent_that_numeric_could_not_hold(written):
    event = accepted(make_message(spelled(with_data("payment.processed", amount="M"), '"M"', written)))
    assert str(event.amount) == "0"


def test_data_is_kept_character_by_character():
    data = '{ "value" : 6.10e1,\n"deviceId":"a", "metric":"b", "caf\\u00e9": 1 }'
    event = accepted(
        make_message(spelled(make_event("iot.telemetry", data=0), '"data":0', f'"data" :  {data}'), "iot-events")
    )
    assert event.data == data


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (make_event(), ()),
        (spelled(with_data("order.updated", status="S"), '"S"', '"\\u00e9\\ud83d\\ude80 \\/"'), ()),
        (with_data("order.updated", status="\u2028\u202e\u00a0"), ()),
        (BOM + text_of(make_event()), ("BOM_REMOVED",)),
        (BOM + b" \n" + text_of(make_event()), ("BOM_REMOVED",)),
        (make_event(eventTime="2026-03-01T11:59:00.1234567Z"), ("TIME_TRUNCATED",)),
        (with_data("order.completed", completedAt="2026-03-01T11:59:00.0000000Z"), ("TIME_TRUNCATED",)),
        (with_data("order.completed", completedAt="2026-03-01T11:59:00.000000Z"), ()),
        (with_data("order.completed", completedAt=ABSENT), ()),
        (make_event(traceparent=None), ("UNKNOWN_FIELD",)),
        (make_event(dataContentType=ABSENT, traceparent="x"), ("UNKNOWN_FIELD",)),
        (make_event(metadata={"correlationId": CORRELATION_ID, "tenant": 1}), ("UNKNOWN_FIELD",)),
        (make_event(metadata={"correlationId": CORRELATION_ID, "causationId": None, "x": 1}), ("UNKNOWN_FIELD",)),
        (with_data("order.updated", _PARTITIONTIME="2026-01-01"), ("UNKNOWN_FIELD",)),
        (with_data("order.updated", **{"": 0}), ("UNKNOWN_FIELD",)),
        (with_data("order.created", items=[ITEM, {**ITEM, "gift": {}}]), ("UNKNOWN_FIELD",)),
        (with_data("order.updated", status="a\x1b[31m"), ("CONTROL_CHARS",)),
        (with_data("order.updated", status="a\nb"), ("CONTROL_CHARS",)),
        (with_data("order.updated", status="\x7f"), ("CONTROL_CHARS",)),
        (spelled(with_data("order.updated", status="S"), '"S"', '"\x7f"'), ("CONTROL_CHARS",)),
        (spelled(with_data("order.updated", status="S"), '"S"', '"\u0085"'), ("CONTROL_CHARS",)),
        (with_data("order.updated", unknown="a\nb"), ("UNKNOWN_FIELD",)),
        (
            BOM + text_of(with_data("order.updated", status="\n", x=1) | {"eventTime": "2026-03-01T11:59:00.0000000Z"}),
            ("BOM_REMOVED", "TIME_TRUNCATED", "UNKNOWN_FIELD", "CONTROL_CHARS"),
        ),
    ],
)  # fmt: skip
def test_unusual_values_get_a_note(event, expected):
    assert notes(event) == expected


def test_unknown_fields_of_the_envelope_are_kept_beside_the_data():
    event = make_event(zone=[1, 2.50], metadata={"correlationId": CORRELATION_ID, "tenant": "n"}, alpha=None)
    assert accepted(make_message(event)).extensions == '{"alpha":null,"metadata":{"tenant":"n"},"zone":[1,2.5]}'


def test_unknown_fields_of_data_are_no_extensions():
    event = accepted(make_message(with_data("order.updated", extra=1)))
    assert event.extensions is None
    assert json.loads(event.data)["extra"] == 1


@pytest.mark.parametrize(
    "again",
    [
        make_event(),
        dict(reversed(make_event().items())),
        {**make_event(), "data": dict(reversed(DATA["order.updated"].items()))},
        make_event(eventId=EVENT_ID.upper()),
        make_event(metadata={"causationId": CAUSATION_ID.upper(), "correlationId": CORRELATION_ID.upper()}),
        make_event(eventTime="2026-03-01T12:59:00.000+01:00"),
        make_event(dataContentType=ABSENT),
        json.dumps(make_event(), indent=4).encode(),
        BOM + text_of(make_event()),
        spelled(make_event(), '"PACKED"', '"P\\u0041CKED"'),
    ],
    ids=["same", "keys", "keys of data", "id", "metadata", "time", "content type", "white space", "BOM", "escape"],
)
def test_an_event_sent_again_has_the_same_content(again):
    assert accepted(make_message(again)).content == accepted(make_message(make_event())).content


@pytest.mark.parametrize(
    "other",
    [
        make_event(eventTime="2026-03-01T11:59:00.000001Z"),
        make_event(metadata={"correlationId": CORRELATION_ID}),
        make_event(metadata={"correlationId": CAUSATION_ID, "causationId": CAUSATION_ID}),
        make_event(extra=1),
        with_data("order.updated", status="packed"),
        with_data("order.updated", status=ABSENT),
        with_data("order.updated", extra=1),
        make_event("order.completed", data={"orderId": "B-2201"}),
    ],
    ids=["time", "cause", "flow", "extension", "text", "absent", "unknown", "type"],
)
def test_an_event_with_other_values_has_another_content_hash(other):
    assert accepted(make_message(other)).content != accepted(make_message(make_event())).content


def test_extensions_and_data_are_not_confused():
    contents = {
        accepted(make_message(event)).content
        for event in (make_event(x="1"), with_data("order.updated", x="1"), make_event(metadata={**METADATA, "x": "1"}))
    }  # fmt: skip
    assert len(contents) == 3


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_both_ways_of_reading_give_the_same_event(event_type, monkeypatch):
    fast = accepted(make_message(make_event(event_type)))
    monkeypatch.setattr(schemas.decode.decoder, "parse_object", lambda data: None)
    slow = accepted(make_message(make_event(event_type)))
    assert [getattr(slow, name) for name in Event.__struct_fields__] == [
        getattr(fast, name) for name in Event.__struct_fields__
    ]


@pytest.mark.parametrize(
    ("data", "times"),
    [
        (text_of(make_event()), 0),
        (text_of(with_data("order.updated", status="5 £")), 0),
        (text_of(make_event(extra=1)), 1),
        (BOM + text_of(make_event()), 1),
        (BOM + text_of(make_event(extra=1)), 1),
        (BOM + text_of(make_event(source="x")), 1),
    ],
    ids=["plain", "letters", "unknown", "BOM", "BOM and unknown", "BOM and refused"],
)
def test_a_message_is_scanned_once_and_only_if_the_fast_path_rejects_it(data, times, monkeypatch):
    looked, inspect = [], schemas.decode.decoder.inspect_object
    monkeypatch.setattr(schemas.decode.decoder, "inspect_object", lambda *given: looked.append(data) or inspect(*given))
    decode(make_message(data))
    assert looked == [data] * times


def test_decode_is_the_decoder_of_the_contracts_registry():
    assert decode(make_message(make_event())) == Decoder().decode(make_message(make_event()))
