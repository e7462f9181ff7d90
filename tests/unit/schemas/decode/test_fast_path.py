"""Columns or one by one, the outcome is the same: every batch decoded by column gives the decoder's own rows."""

import json
from decimal import Decimal
from typing import Annotated

import msgspec
import pytest
from pydantic import ConfigDict, Field, field_validator

import schemas.decode.fast_path
from schemas.decode.fast_path import FastReader, shape_of
from schemas.message import Message, parse_line
from schemas.models.field_types import ListOf, Payload, optional
from schemas.models.iot import Telemetry
from schemas.registry import REGISTRY, EventType, Registry
from tests.support.decoded import both_ways, numbered
from tests.support.events import (
    ABSENT,
    CAUSATION_ID,
    CORRELATION_ID,
    DATA,
    PUBLISHED_US,
    make_event,
    make_message,
    topic_of,
    with_data,
)
from tests.support.golden import golden_lines
from tests.support.shipments import WITH_SHIPMENTS, Shipment


@pytest.mark.parametrize("accept_cloudevents", [False, True], ids=["plain", "accepting"])
def test_the_golden_messages_have_the_same_rows(accept_cloudevents):
    read = [parse_line(line, "orders") for line in golden_lines()]
    messages = [
        msgspec.structs.replace(item, message_id=f"{number:04d}") if isinstance(item, Message) else item
        for number, item in enumerate(read)
    ]
    by_column, one_by_one = both_ways(messages, accept_cloudevents=accept_cloudevents)
    assert by_column == one_by_one


CASES = {
    "id": ["a" * 128, "a" * 129, "", "-a", "a b", "a\n", "é", "A.b_c:d@e-f", "0"],
    "money": ["1" * 29, "1" * 30, "0.123456789", "0.1234567890", "1.", ".1", "", "-0", "-1", "+1", "1e2", " 1", "1_0"],
    "currency": ["EUR", "eur", "EU", "EURO", "ÉUR", ""],
    "time": ["2026-03-01T11:58:30Z", "2026-02-29T00:00:00Z", "2024-02-29T00:00:00Z", "1999-12-31T23:59:59Z",
             "2026-03-01T12:05:00Z", "2026-03-01T12:05:00.000001Z", "2026-03-01T11:58:30.1Z", "2026-03-01t11:58:30z",
             "2026-03-01T13:58:30+02:00", "2026-03-01T11:58:60Z", "2026-03-01 11:58:30Z", "2026-13-01T11:58:30Z"],
}  # fmt: skip
NUMBERS = [
    "0", "-0", "1", "-1", "1.0", "1.50", "0.000001", "0.0000001", "1e2", "1E+2", "-0.0", "9223372036854775807",
    "9223372036854775808", "123456789012345678", "1234567890123456789", "99999999999999999999999999999", "1e400",
    "true", "null", '"1"', "[1]", '{"a":1,"a":2}', '"1', "01",
]  # fmt: skip
EDGES = [
    *[("order.updated", "orderId", json.dumps(text, ensure_ascii=False)) for text in CASES["id"]],
    *[("order.created", "totalAmount", json.dumps(text)) for text in CASES["money"]],
    *[("payment.processed", "amount", number) for number in NUMBERS],
    *[("iot.telemetry", "value", number) for number in NUMBERS],
    *[("inventory.released", "quantity", number) for number in NUMBERS],
    *[("payment.processed", "currency", json.dumps(text, ensure_ascii=False)) for text in CASES["currency"]],
    *[("order.completed", "completedAt", json.dumps(text)) for text in CASES["time"]],
    *[("customer.updated", "name", text) for text in ('"Zoë"', '"\x7f"', '"\x85"', '"a\\u0085"', '"\\""', "null", "1")],
    ("order.created", "items", "[]"), ("order.created", "items", "null"), ("order.created", "items", "{}"),
    ("order.created", "items", '[{"sku":"a","quantity":1},{"sku":"a b","quantity":1}]'),
    ("order.created", "items", '[{"sku":"a","quantity":1,"quantity":1}]'),
    ("order.created", "items", '[{"sku":"a","quantity":1,"SKU":"a"}]'),
    ("order.created", "items", '[{"sku":"a","quantity":1,"unitPrice":"1.5"},{"quantity":2,"sku":"b"}]'),
]  # fmt: skip


@pytest.mark.parametrize("compact", [True, False], ids=["compact", "spaced"])
def test_every_edge_of_a_field_is_decided_alike(compact):
    texts = []
    for event_type, name, value in EDGES:
        event = make_event(event_type)
        event["data"] |= {name: "@@"}
        text = json.dumps(event, ensure_ascii=False, separators=(",", ":") if compact else None)
        texts.append(text.replace('"@@"', value).encode())
    for event_type in DATA:
        for times in CASES["time"]:
            texts.append(json.dumps(make_event(event_type, eventTime=times)).encode())
    by_column, one_by_one = both_ways(numbered(texts))
    assert by_column == one_by_one


def reads_plain(text: bytes, topic: str = "orders") -> bool:
    types, others = FastReader(REGISTRY).read([Message(topic, "m", PUBLISHED_US, {}, text)])
    assert sum(len(event_type.rows) for event_type in types.values()) + len(others) == 1
    return not others


@pytest.mark.parametrize("event_type", DATA)
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")], ids=["compact", "spaced"])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"dataContentType": ABSENT},
        {"metadata": {"correlationId": CORRELATION_ID}},
        {"metadata": {"correlationId": CORRELATION_ID, "causationId": None}},
    ],
    ids=["whole", "no content type", "no causation", "null causation"],
)
def test_a_regular_event_takes_the_fast_path(event_type, separators, changes):
    text = json.dumps(make_event(event_type, **changes), separators=separators, ensure_ascii=False)
    assert reads_plain(text.encode(), topic_of(event_type))


@pytest.mark.parametrize("content_type", [ABSENT, None, "application/json", "application/json; charset=utf-8"])
@pytest.mark.parametrize("causation", [{}, {"causationId": None}, {"causationId": CAUSATION_ID}], ids=repr)
@pytest.mark.parametrize("event_type", ["order.updated", "iot.telemetry"])
def test_a_message_without_white_space_is_recognized_by_its_size(event_type, causation, content_type, monkeypatch):
    monkeypatch.setattr(schemas.decode.fast_path, "_marks", lambda envelope, text: -1)
    metadata = {"correlationId": CORRELATION_ID, **causation}
    event = make_event(event_type, metadata=metadata, dataContentType=content_type)
    compact, spaced = (json.dumps(event, separators=signs).encode() for signs in ((",", ":"), (", ", ": ")))
    assert reads_plain(compact, topic_of(event_type)) is (content_type is not None)
    assert not reads_plain(spaced, topic_of(event_type))


def test_characters_beyond_ascii_take_the_fast_path_up_to_a_size_limit(monkeypatch):
    text = json.dumps(with_data("order.updated", status="5 £"), ensure_ascii=False).encode()
    monkeypatch.setattr(schemas.decode.fast_path, "MAX_BYTES", len(text))
    assert reads_plain(text)
    monkeypatch.setattr(schemas.decode.fast_path, "MAX_BYTES", len(text) - 1)
    assert not reads_plain(text)


def test_attributes_are_looked_at_where_cloudevents_are_accepted():
    bare, attributed = make_message(make_event()), make_message(make_event(), attributes={"origin": "till"})
    assert FastReader(REGISTRY).read([bare, attributed])[1] == []
    assert FastReader(REGISTRY, accept_cloudevents=True).read([bare, attributed])[1] == [attributed]


TEXT = json.dumps(make_event("customer.updated"), separators=(",", ":"))
PARTS = ['"source":"customer-service"', '"eventTime":"2026-03-01T11:59:00Z"', '"customerId":"K.77"', '"type":"RETAIL"',
         '"causationId":"0b6e7c1a-1c2d-4e3f-8a9b-c0d1e2f3a4b5"', '"dataContentType":"application/json"']  # fmt: skip


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("twin", ["same", "empty", "number", "null"])
@pytest.mark.parametrize("space", ["", " "], ids=["compact", "spaced"])
def test_a_key_that_is_there_twice_is_never_plain(part, twin, space):
    name = part.partition(":")[0]
    other = {"same": part, "empty": f'{name}:""', "number": f"{name}:1", "null": f"{name}:null"}[twin]
    assert part in TEXT
    assert not reads_plain(TEXT.replace(part, f"{other},{space}{part}").encode(), "customers")


def test_a_twin_does_not_hide_behind_a_shorter_id():
    event_id = make_event()["eventId"]
    assert len('"source":"",') == 12
    text = TEXT.replace(event_id, event_id[:-12]).replace('"source"', '"source":"","source"', 1)
    by_column, one_by_one = both_ways([Message("customers", "m", PUBLISHED_US, {}, text.encode())])
    assert by_column == one_by_one
    assert [dead_letter.code for dead_letter in one_by_one[1]] == ["JSON_DUPLICATE_KEY"]


def test_most_messages_are_plain():
    types, others = FastReader(REGISTRY).read([make_message(make_event(name), topic_of(name)) for name in DATA])
    assert {name for name, item in types.items() if item.rows} == set(DATA)
    assert others == []


def test_a_new_event_type_is_read_by_column_too():
    shipment = {
        "shipmentId": "s-1", "orderId": "o-1", "count": 2, "price": "19.990", "leftAt": "2026-03-01T11:00:00Z",
        "recipient": "Z. Name", "remark": "tä", "parcels": [{"parcelId": "p", "weight": 2.5}, {"parcelId": "q", "weight": 3}],
    }  # fmt: skip
    texts = []
    for changes in ({}, {"leftAt": "2030-01-01T00:00:00Z"}, {"parcels": [{"parcelId": "", "weight": 1}]}, {"count": 0}):
        event = {**make_event(), "eventType": "shipment.sent", "source": "shipping", "data": {**shipment, **changes}}
        texts.append(json.dumps(event, ensure_ascii=False).encode())
    by_column, one_by_one = both_ways(numbered(texts, ["orders"] * 4), WITH_SHIPMENTS)
    assert by_column == one_by_one
    (row,) = by_column[0]["shipment_events"]
    assert (row["data.price"], row["amount"], row["data.parcels"][1]) == (
        Decimal("19.99"), Decimal("19.99"), {"parcel_id": "q", "weight": 3.0},
    )  # fmt: skip
    types, _ = FastReader(WITH_SHIPMENTS).read(numbered(texts, ["orders"] * 4))
    assert len(types["shipment.sent"].rows) == 3


def test_a_model_with_rules_of_its_own_is_left_to_the_decoder():
    class Odd(Shipment):
        remark: Annotated[str, Field(max_length=9)] = optional()

    assert shape_of(Shipment) is not None
    assert shape_of(Odd) is None
    odd = Registry([EventType("shipment.sent", Odd, "shipping", "orders", "shipmentId", "shipment_events")])
    types, _ = FastReader(odd).read([])
    assert types == {}


def test_a_model_that_validates_by_itself_has_no_shape():
    class Checked(Telemetry):
        @field_validator("unit")
        @classmethod
        def _short(cls, unit: str) -> str:
            return unit[:1]

    class Lax(Telemetry):
        model_config = ConfigDict(strict=False)

    assert shape_of(Telemetry) is not None
    assert shape_of(Checked) is None
    assert shape_of(Lax) is None


def test_a_list_with_rules_of_its_own_or_of_objects_without_a_shape_has_none():
    class Odd(Payload):
        remark: Annotated[str, Field(max_length=9)] = optional()

    class Some(Payload):
        parts: Annotated[list[Telemetry], Field(fail_fast=True, min_length=1)]

    class Odds(Payload):
        parts: ListOf[Odd]

    class Parts(Payload):
        parts: ListOf[Telemetry]

    assert [shape_of(model) for model in (Odd, Some, Odds)] == [None] * 3
    assert shape_of(Parts) is not None


def test_a_column_shape_accepts_only_the_fields_of_its_model():
    read = msgspec.json.Decoder(shape_of(Telemetry)).decode
    assert read(b'{"deviceId":"a","metric":"b","value":1}').deviceId == "a"
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        read(b'{"deviceId":"a","metric":"b","value":1,"more":1}')
