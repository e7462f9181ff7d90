"""Decode: one outcome a message, notes, what a dead letter keeps, and what it never tells."""

import hashlib
import json
from decimal import Decimal

import pytest

import schemas.decode
from schemas.decode import Decoder, decode
from schemas.event import ATTEMPT_ATTRIBUTE, DeadLetter, Event
from schemas.message import Message
from schemas.outcomes import CODES_OF, Code, Stage
from schemas.payload import MAX_BYTES
from schemas.registry import REGISTRY
from schemas.times import parse_rfc3339
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
    refused,
    spelled,
    topic_of,
    with_data,
)

BOM = b"\xef\xbb\xbf"
ITEM = {"sku": "a", "quantity": 1}
METADATA = {"correlationId": CORRELATION_ID, "causationId": CAUSATION_ID}
EVENT_TYPES = [one.name for one in REGISTRY]


def notes(event: dict | bytes, topic: str | None = None) -> tuple[str, ...]:
    return accepted(make_message(event, topic)).notes


def text_of(event: dict) -> bytes:
    return json.dumps(event).encode()


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_an_event_says_what_its_message_says(event_type):
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


def test_data_is_kept_letter_by_letter():
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
def test_what_is_odd_is_noted(event, expected):
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
def test_an_event_that_says_something_else_has_other_content(other):
    assert accepted(make_message(other)).content != accepted(make_message(make_event())).content


def test_extensions_and_data_cannot_be_taken_for_each_other():
    contents = {
        accepted(make_message(event)).content
        for event in (make_event(x="1"), with_data("order.updated", x="1"), make_event(metadata={**METADATA, "x": "1"}))
    }  # fmt: skip
    assert len(contents) == 3


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", Code.EMPTY),
        (b"\x1f\x8b\x08" + bytes(10), Code.COMPRESSED),
        (b"\xff", Code.ENCODING),
        (b"{", Code.JSON_SYNTAX),
        (b"[" * 65 + b"]" * 65, Code.JSON_DEPTH),
        (text_of(make_event(x=float("nan"))), Code.JSON_NUMBER),
        (text_of(make_event(x=2**63)), Code.JSON_NUMBER),
        (text_of(make_event(x=[{"y": -(2**63) - 1}])), Code.JSON_NUMBER),
        (text_of(with_data("order.updated", x=2**63)), Code.JSON_NUMBER),
        (text_of(make_event(eventType="x.y", data={"a": 2**63})), Code.JSON_NUMBER),
        (b"[9223372036854775808]", Code.JSON_NUMBER),
        (b"9223372036854775808", Code.JSON_NUMBER),
        (spelled(make_event(), '"source"', '"source":1,"source"'), Code.JSON_DUPLICATE_KEY),
        (text_of(make_event(EVENTID=1)), Code.KEY_COLLISION),
        (text_of(make_event(X=1, x=1)), Code.KEY_COLLISION),
        (text_of(make_event(metadata={**METADATA, "CausationId": None})), Code.KEY_COLLISION),
        (text_of(with_data("order.updated", ORDERID="x")), Code.KEY_COLLISION),
        (text_of(with_data("order.updated", items=[{**ITEM, "Sku": "b"}])), Code.KEY_COLLISION),
        (text_of(make_event(eventType="x.y", data={"a": 1, "A": 1})), Code.KEY_COLLISION),
        (spelled(with_data("order.updated", status="S"), '"S"', '"\\ud800"'), Code.STRING_CONTENT),
        (b"[]", Code.NOT_OBJECT),
    ],
)  # fmt: skip
def test_stages_before_the_envelope(data, code):
    assert refused(make_message(data)).code == code


@pytest.mark.parametrize(
    "event",
    [
        with_data("order.updated", x={"a": 1, "A": 2}),
        with_data("order.updated", items=[], x=[{"a": 1, "A": 2}]),
        make_event(x={"a": 1, "A": 2}),
        make_event(x=[2**63 - 1, -(2**63)]),
        make_event(x=True),
    ],
)
def test_what_is_unknown_is_not_judged_inside(event):
    assert notes(event) == ("UNKNOWN_FIELD",)


EARLIER = {
    Code.JSON_DEPTH: b',"x":' + b"[" * 64 + b"]" * 64,
    Code.JSON_NUMBER: b',"x":1e999',
    Code.JSON_DUPLICATE_KEY: b',"x":1,"x":1',
    Code.KEY_COLLISION: b',"x":1,"X":1',
    Code.STRING_CONTENT: b',"x":"\\ud800"',
}
LATER = {
    "envelope": make_event(eventId="x"),
    "data": with_data("order.updated", orderId=""),
    "nothing": make_event(),
}


@pytest.mark.parametrize("later", LATER)
@pytest.mark.parametrize("code", EARLIER)
def test_a_fault_of_the_text_stands_before_any_later_one(code, later):
    letter = refused(make_message(text_of(LATER[later])[:-1] + EARLIER[code] + b"}"))
    assert (letter.stage, letter.code) == ("json", code)


def test_a_fault_of_the_envelope_stands_before_one_of_the_data():
    letter = refused(make_message({**with_data("order.updated", orderId=ABSENT), "eventTime": "x"}))
    assert (letter.stage, letter.code) == ("envelope", "TIME_FORMAT")


@pytest.mark.parametrize(
    ("event", "event_id", "event_type"),
    [
        (make_event(source="x"), EVENT_ID, "order.updated"),
        (make_event(eventId=EVENT_ID.upper(), source="x"), EVENT_ID, "order.updated"),
        (make_event(eventId="secret"), None, "order.updated"),
        (make_event(eventId=[1]), None, "order.updated"),
        (make_event(eventType="secret"), EVENT_ID, None),
        (make_event(eventType={}), EVENT_ID, None),
        (make_event(x=2**63), EVENT_ID, "order.updated"),
        (make_event(SOURCE=1), EVENT_ID, "order.updated"),
        (spelled(make_event(), '"eventId"', f'"eventId":"{CAUSATION_ID}","eventId"'), None, "order.updated"),
        (b"\xef\xbb\xbf" + text_of(make_event(source="x")), EVENT_ID, "order.updated"),
        (text_of(make_event())[:-1], None, None),
        (b"[]", None, None),
        (b"\xff", None, None),
        (b"{}", None, None),
    ],
)
def test_a_dead_letter_names_its_event_where_it_could_be_read(event, event_id, event_type):
    letter = refused(make_message(event, "orders"))
    assert (letter.event_id, letter.event_type) == (event_id, event_type)


@pytest.mark.parametrize(
    "data", [b"", b"{", b"\x00\xff" * 100, b"x" * MAX_BYTES], ids=["none", "short", "binary", "limit"]
)
def test_a_dead_letter_keeps_the_bytes_as_they_came(data):
    message = make_message(data, "news", {"k": "v"})
    letter = refused(message)
    assert (letter.data, letter.size, letter.sha256) == (data, len(data), hashlib.sha256(data).hexdigest())
    assert (letter.topic, letter.message_id, letter.publish_time) == ("news", "m-1", PUBLISHED_US)
    assert (letter.attributes, letter.attempt) == ({"k": "v"}, 1)


def test_of_a_message_over_the_limit_the_first_64_kib_are_kept():
    data = bytes(range(256)) * 4097
    letter = refused(make_message(data))
    assert letter.code == "TOO_LARGE"
    assert (letter.data, letter.size) == (data[:65_536], len(data))
    assert letter.sha256 == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(
    ("attribute", "attempt"),
    [(None, 1), ("1", 2), ("41", 42), ("", 1), ("x", 1), ("-1", 1), ("1.5", 1), ("²", 1), ("9" * 30, 1)],
)
def test_a_redrive_counts_its_attempts(attribute, attempt):
    attributes = {} if attribute is None else {ATTEMPT_ATTRIBUTE: attribute}
    assert refused(make_message(b"", attributes=attributes)).attempt == attempt


def test_the_name_of_a_dead_letter_follows_from_what_failed_and_how_often():
    first = refused(make_message(b"{"))
    assert first.dead_letter_id == refused(make_message(b"{")).dead_letter_id
    assert len(first.dead_letter_id) == 32
    others = [
        make_message(b"}"),
        make_message(b"{", "customers"),
        make_message(b"{", attributes={ATTEMPT_ATTRIBUTE: "1"}),
    ]
    others += [Message("orders", "m-2", PUBLISHED_US, {}, b"{")]
    assert len({first.dead_letter_id, *(refused(message).dead_letter_id for message in others)}) == 5


SECRET = "4111-hunter2-secret"


def planted() -> list[bytes]:
    """Return messages that carry the secret in every place, as good and as bad as can be."""
    found = []
    for event_type in EVENT_TYPES:
        event = make_event(event_type)
        for field in (*event, "extra", SECRET):
            for value in (SECRET, [SECRET], {SECRET: SECRET}, SECRET + "\n"):
                found.append(text_of({**event, field: value}))
        for field in ("correlationId", "causationId", SECRET):
            found.append(text_of({**event, "metadata": {**event["metadata"], field: SECRET}}))
        for field in (*REGISTRY.get(event_type).fields, SECRET):
            for value in (SECRET, SECRET + "\n", [SECRET], [{"sku": SECRET, SECRET: 1}], {SECRET: SECRET}):
                found.append(text_of(with_data(event_type, **{field: value})))
    whole = text_of(make_event())
    found += [SECRET.encode(), b'"' + SECRET.encode() + b'"', b'{"' + SECRET.encode(), whole + SECRET.encode()]
    found += [
        spelled(make_event(x=1), '"x":1', f'"{SECRET}":1,"{SECRET}":{value}') for value in ("1", "NaN", '"\\ud800"')
    ]
    return [*found, SECRET.encode("utf-16"), SECRET.encode() * 100_000]


def test_no_value_and_no_unknown_key_is_told_in_a_dead_letter():
    told = 0
    for data in planted():
        for topic in ("orders", "customers", SECRET):
            outcome = decode(make_message(data, topic))
            if isinstance(outcome, DeadLetter):
                told += 1
                for text in (outcome.path, outcome.error_message, outcome.code, outcome.stage):
                    assert SECRET not in text
                    assert "hunter2" not in text
                assert SECRET not in str(outcome.event_id)
                assert SECRET not in str(outcome.event_type)
    assert told > 500


def test_every_dead_letter_has_a_code_of_its_stage():
    for data in planted():
        outcome = decode(make_message(data))
        if isinstance(outcome, DeadLetter):
            assert Code(outcome.code) in CODES_OF[Stage(outcome.stage)]


def test_an_exception_that_nobody_expected_is_a_dead_letter_that_quotes_nothing(monkeypatch):
    def broken(*_):
        raise RuntimeError(SECRET)

    monkeypatch.setattr(schemas.decode, "check_envelope", broken)
    letter = refused(make_message(make_event()))
    assert (letter.stage, letter.code, letter.event_id) == ("internal", "INTERNAL", EVENT_ID)
    assert SECRET not in repr((letter.path, letter.error_message))


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_both_ways_of_reading_give_the_same_event(event_type, monkeypatch):
    fast = accepted(make_message(make_event(event_type)))
    monkeypatch.setattr(schemas.decode, "parse_object", lambda data: None)
    slow = accepted(make_message(make_event(event_type)))
    assert [getattr(slow, name) for name in Event.__struct_fields__] == [
        getattr(fast, name) for name in Event.__struct_fields__
    ]


def test_decode_is_the_decoder_of_the_contracts_registry():
    assert decode(make_message(make_event())) == Decoder().decode(make_message(make_event()))
