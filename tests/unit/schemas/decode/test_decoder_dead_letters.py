"""A message becomes a dead letter: the first code, the reported details, and what is not quoted."""

import hashlib
import json

import msgspec
import pytest

import schemas.decode.decoder
from schemas.decode.decoder import decode
from schemas.event import ATTEMPT_ATTRIBUTE, DeadLetter
from schemas.message import MAX_BYTES, Message
from schemas.outcomes import CODES_OF, Code, Rejected, Stage
from schemas.registry import REGISTRY
from tests.support.events import (
    ABSENT,
    CAUSATION_ID,
    CORRELATION_ID,
    EVENT_ID,
    PUBLISHED_US,
    accepted,
    make_event,
    make_message,
    rejected,
    spelled,
    with_data,
)

ITEM = {"sku": "a", "quantity": 1}
METADATA = {"correlationId": CORRELATION_ID, "causationId": CAUSATION_ID}
EVENT_TYPES = [event_type.name for event_type in REGISTRY]


def notes(event: dict | bytes, topic: str | None = None) -> tuple[str, ...]:
    return accepted(make_message(event, topic)).notes


def text_of(event: dict) -> bytes:
    return json.dumps(event).encode()


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
    assert rejected(make_message(data)).code == code


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
def test_a_fault_of_the_text_precedes_any_later_one(code, later):
    dead_letter = rejected(make_message(text_of(LATER[later])[:-1] + EARLIER[code] + b"}"))
    assert (dead_letter.stage, dead_letter.code) == ("json", code)


def test_a_fault_of_the_envelope_precedes_one_of_the_data():
    dead_letter = rejected(make_message({**with_data("order.updated", orderId=ABSENT), "eventTime": "x"}))
    assert (dead_letter.stage, dead_letter.code) == ("envelope", "TIME_FORMAT")


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
    dead_letter = rejected(make_message(event, "orders"))
    assert (dead_letter.event_id, dead_letter.event_type) == (event_id, event_type)


@pytest.mark.parametrize(
    "data", [b"", b"{", b"\x00\xff" * 100, b"x" * MAX_BYTES], ids=["none", "short", "binary", "limit"]
)
def test_a_dead_letter_keeps_the_original_bytes(data):
    message = make_message(data, "news", {"k": "v"})
    dead_letter = rejected(message)
    assert (dead_letter.data, dead_letter.size, dead_letter.sha256) == (
        data,
        len(data),
        hashlib.sha256(data).hexdigest(),
    )
    assert (dead_letter.topic, dead_letter.message_id, dead_letter.publish_time) == ("news", "m-1", PUBLISHED_US)
    assert (dead_letter.attributes, dead_letter.attempt) == ({"k": "v"}, 1)


def test_of_a_message_over_the_limit_the_first_64_kib_are_kept():
    data = bytes(range(256)) * 4097
    dead_letter = rejected(make_message(data))
    assert dead_letter.code == "TOO_LARGE"
    assert (dead_letter.data, dead_letter.size) == (data[:65_536], len(data))
    assert dead_letter.sha256 == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(
    ("attribute", "attempt"),
    [
        *[(None, 1), ("1", 2), ("41", 42), ("", 1), ("x", 1), ("-1", 1), ("1.5", 1), ("²", 1)],
        *[("9" * 8, 10**8), ("9" * 9, 1), ("9" * 30, 1)],
    ],
)
def test_a_redrive_counts_its_attempts(attribute, attempt):
    attributes = {} if attribute is None else {ATTEMPT_ATTRIBUTE: attribute}
    assert rejected(make_message(b"", attributes=attributes)).attempt == attempt


def test_the_id_of_a_dead_letter_is_computed_from_message_and_attempt():
    first = rejected(make_message(b"{"))
    assert first.dead_letter_id == rejected(make_message(b"{")).dead_letter_id
    assert len(first.dead_letter_id) == 32
    others = [
        make_message(b"}"),
        make_message(b"{", "customers"),
        make_message(b"{", attributes={ATTEMPT_ATTRIBUTE: "1"}),
    ]
    others += [Message("orders", "m-2", PUBLISHED_US, {}, b"{")]
    assert len({first.dead_letter_id, *(rejected(message).dead_letter_id for message in others)}) == 5
    assert msgspec.structs.replace(first, code=Code.JSON_DEPTH).dead_letter_id != first.dead_letter_id


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


def test_a_dead_letter_quotes_no_value_and_no_unknown_key():
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


def test_an_unexpected_exception_is_a_dead_letter_without_payload_text(monkeypatch):
    def broken(*_):
        raise RuntimeError(SECRET)

    monkeypatch.setattr(schemas.decode.decoder, "check_envelope", broken)
    dead_letter = rejected(make_message(make_event()))
    assert (dead_letter.stage, dead_letter.code, dead_letter.event_id) == ("internal", "INTERNAL", EVENT_ID)
    assert (dead_letter.path, dead_letter.error_message) == ("", "an exception nobody expected")


def test_a_rejection_quotes_the_text_of_the_service():
    assert str(Rejected(Stage.DATA, Code.FIELD_TYPE, "data.sku", "a text is needed", 7)) == "a text is needed"
