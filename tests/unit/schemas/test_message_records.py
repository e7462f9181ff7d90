"""Avro records become messages by their writer's schema; a schema that is none of a message is named by what it lacks."""

import base64
import copy
import json
from datetime import UTC, datetime

import fastavro
import pytest

from schemas.avro_types import check_items
from schemas.message import Message, NotAMessage
from schemas.message_records import MESSAGE_AVRO, UnknownSchema, from_record, record_form
from schemas.timestamps import EARLIEST_US, LATEST_US, parse_rfc3339

AT = parse_rfc3339("2026-06-15T12:00:00Z")[0]
AS_OF = AT + 7
MICROS = {"type": "long", "logicalType": "timestamp-micros"}
ATTRIBUTES = {"type": "map", "values": "string"}
EVENT = b'{"eventType": "customer.updated"}'

GOOGLE = {
    "subscription_name": "projects/p/subscriptions/orders-sub",
    "message_id": "17",
    "publish_time": AT,
    "attributes": {"k": "v"},
    "data": b"{}",
}
MESSAGE = Message("orders", "17", AT, {"k": "v"}, b"{}")


def schema(name="PubsubMessageWithMetadata", **types):
    return {"type": "record", "name": name, "fields": [{"name": key, "type": kind} for key, kind in types.items()]}


OLD = schema("Message", topic="string", messageId="string", publishTime=MICROS, attributes=ATTRIBUTES, data="bytes")
OLD_RECORD = {"topic": "orders", "messageId": "17", "publishTime": AT, "attributes": {"k": "v"}, "data": b"{}"}
TEMPLATE = schema(
    "AvroPubsubMessageRecord", message={"type": "array", "items": "bytes"}, attributes=ATTRIBUTES, timestamp="long"
)


def parse(writer_schema, record, topic="unknown", **changes):
    return record_form(writer_schema, topic, AS_OF, "part.avro", **changes).parse(record, 3)


def replaced(writer_schema, **types):
    changed = copy.deepcopy(writer_schema)
    for field in changed["fields"]:
        field["type"] = types.get(field["name"], field["type"])
    return changed


def test_a_record_of_a_cloud_storage_subscription_is_a_message():
    assert parse(MESSAGE_AVRO, GOOGLE) == MESSAGE


def test_a_record_of_our_older_archive_is_a_message():
    assert parse(OLD, OLD_RECORD) == MESSAGE
    assert parse(OLD, {**OLD_RECORD, "topic": "news"}, "orders").topic == "news"


def test_in_our_own_files_the_subscription_name_is_the_topic():
    for topic in ("orders", "news", "", "unknown", "projects/p/subscriptions/customers"):
        record = {**GOOGLE, "subscription_name": topic, "data": EVENT}
        assert parse(MESSAGE_AVRO, record, "inventory", own=True).topic == topic


@pytest.mark.parametrize(
    ("subscription", "file_topic", "topic"),
    [
        ("projects/p/subscriptions/iot-events-archive", "unknown", "iot-events"),
        ("projects/p/subscriptions/prod_inventory.gcs", "orders", "inventory"),
        ("orders", "unknown", "orders"),
        ("projects/p/subscriptions/everything", "orders", "orders"),
        ("s", "unknown", "customers"),
    ],
    ids=["its name", "a part of its name", "short", "the file's", "the event's"],
)
def test_the_topic_is_given_by_subscription_file_or_event(subscription, file_topic, topic):
    record = {**GOOGLE, "subscription_name": subscription, "data": EVENT}
    assert parse(MESSAGE_AVRO, record, file_topic).topic == topic


def test_a_message_without_metadata_takes_its_id_from_its_place_and_its_time_from_the_run():
    only_data = schema("PubsubMessage", data="bytes")
    assert parse(only_data, {"data": b"{}"}, "orders") == Message("orders", "part.avro:00000003", AS_OF, {}, b"{}")
    assert parse(only_data, {"data": EVENT}).topic == "customers"


@pytest.mark.parametrize("data", [[b"{", b"}"], b"{}"], ids=["array", "bytes"])
def test_a_record_of_the_dataflow_template_is_a_message(data):
    kind = {"type": "array", "items": "bytes"} if isinstance(data, list) else "bytes"
    record = {"message": data, "attributes": {"k": "v"}, "timestamp": AT // 1000}
    expected = Message("orders", "part.avro:00000003", AT, {"k": "v"}, b"{}")
    assert parse(replaced(TEMPLATE, message=kind), record, "orders") == expected


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (MICROS, AT),
        ({"type": "long", "logicalType": "timestamp-millis"}, AT // 1000),
        ({"type": "long", "logicalType": "timestamp-nanos"}, AT * 1000),
        (["null", MICROS], AT),
        ([MICROS, "null"], AT),
        ({"type": MICROS}, AT),
    ],
    ids=["micros", "millis", "nanos", "null or micros", "micros or null", "nested"],
)
def test_every_unit_of_time_is_read(kind, value):
    assert parse(replaced(MESSAGE_AVRO, publish_time=kind), {**GOOGLE, "publish_time": value}) == MESSAGE


def test_other_fields_order_and_name_do_not_matter():
    fields = [*reversed(MESSAGE_AVRO["fields"]), {"name": "more", "type": ["null", "double"], "default": None}]
    assert parse({"type": "record", "name": "Other", "fields": fields}, {**GOOGLE, "more": 1.0}) == MESSAGE


@pytest.mark.parametrize(
    ("given", "lacks"),
    [
        ("string", "its schema is not a record"),
        ({"type": "record", "name": "x"}, "its schema is not a record with fields"),
        ({"type": "record", "name": "x", "fields": ["a"]}, "its schema is not a record with fields"),
        (
            schema("x", id="string"),
            "it lacks message_id or messageId, publish_time or publishTime, attributes, data",
        ),
        (schema("x", data="bytes"), "it lacks message_id or messageId, publish_time or publishTime, attributes"),
        (replaced(MESSAGE_AVRO, data="string"), "it lacks data of type bytes"),
        (replaced(MESSAGE_AVRO, data="null"), "it lacks data of type bytes"),
        (replaced(MESSAGE_AVRO, publish_time="long"), "it lacks publish_time of type long with logicalType"),
        (replaced(MESSAGE_AVRO, publish_time="string"), "it lacks publish_time of type long with logicalType"),
        (replaced(MESSAGE_AVRO, attributes={"type": "map", "values": "bytes"}), "it lacks attributes of type map of"),
        (replaced(MESSAGE_AVRO, message_id="long"), "it lacks message_id of type string"),
        (replaced(MESSAGE_AVRO, subscription_name="int"), "it lacks subscription_name of type string"),
        (
            {
                **MESSAGE_AVRO,
                "fields": [*MESSAGE_AVRO["fields"], {"name": "n", "type": {"type": "array", "items": "null"}}],
            },
            "an array whose items take no bytes",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_another_schema_is_named_by_what_it_lacks(given, lacks):
    with pytest.raises(UnknownSchema, match=lacks):
        record_form(given, "orders", AS_OF, "part.avro")


@pytest.mark.parametrize("part", list(GOOGLE))
def test_a_record_with_a_null_is_not_a_message_and_is_kept_unchanged(part):
    types = {field["name"]: ["null", field["type"]] for field in MESSAGE_AVRO["fields"]}
    outcome = parse(replaced(MESSAGE_AVRO, **types), {**GOOGLE, part: None}, "customers")
    assert isinstance(outcome, NotAMessage)
    assert (outcome.topic, outcome.reason) == ("customers", "the record lacks a field of a message")
    kept = json.loads(outcome.data)
    assert kept[part] is None
    if part != "data":
        assert base64.b64decode(kept["data"]) == b"{}"


def test_an_attribute_that_is_null_is_named():
    types = {"attributes": {"type": "map", "values": ["null", "string"]}}
    outcome = parse(replaced(MESSAGE_AVRO, **types), {**GOOGLE, "attributes": {"k": None}})
    assert (outcome.path, outcome.reason) == ("attributes", "an attribute of the message is null")


@pytest.mark.parametrize("moment", [EARLIEST_US, LATEST_US], ids=["the first", "the last"])
def test_the_edges_of_time_are_within(moment):
    assert parse(MESSAGE_AVRO, {**GOOGLE, "publish_time": moment}).publish_time == moment


@pytest.mark.parametrize("moment", [EARLIEST_US - 1, LATEST_US + 1], ids=["before", "after"])
def test_a_time_outside_the_calendar_is_named(moment):
    outcome = parse(MESSAGE_AVRO, {**GOOGLE, "publish_time": moment}, "orders")
    assert (outcome.path, outcome.reason) == ("publishTime", "publishTime is outside the years 1 to 9999")


def test_values_that_json_cannot_hold_keep_their_form():
    outcome = parse(MESSAGE_AVRO, {**GOOGLE, "data": None, "attributes": {"k": 1j}}, "orders")
    assert json.loads(outcome.data)["attributes"] == {"k": "1j"}


@pytest.mark.parametrize("moment", [AT, datetime(2026, 6, 15, 12, tzinfo=UTC)], ids=["microseconds", "a datetime"])
def test_a_record_that_fastavro_read_is_a_message(moment):
    assert from_record({**OLD_RECORD, "publishTime": moment}, "customers") == MESSAGE
    record = {**GOOGLE, "subscription_name": "orders", "publish_time": moment}
    assert from_record(record, "customers") == MESSAGE


@pytest.mark.parametrize(
    "record",
    [
        None,
        [],
        {},
        *({key: value for key, value in OLD_RECORD.items() if key != name} for name in OLD_RECORD),
        {**OLD_RECORD, "publishTime": True},
        {**OLD_RECORD, "publishTime": "2026-06-15T12:00:00Z"},
        {**OLD_RECORD, "publishTime": EARLIEST_US - 1},
        {**OLD_RECORD, "publishTime": LATEST_US + 1},
        {**OLD_RECORD, "data": "e30="},
        {**OLD_RECORD, "attributes": None},
        {**OLD_RECORD, "attributes": {"k": None}},
        {**OLD_RECORD, "topic": b"orders"},
    ],
    ids=lambda record: repr(record)[:60],
)
def test_a_record_that_is_not_a_message_is_kept_unchanged(record):
    outcome = from_record(record, "customers")
    assert isinstance(outcome, NotAMessage)
    assert outcome.topic == "customers"
    kept = json.loads(outcome.data)
    if isinstance(record, dict) and isinstance(record.get("data"), bytes):
        assert base64.b64decode(kept["data"]) == record["data"]
    assert bool(kept) == bool(record)


def test_times_are_read_as_plain_numbers():
    form = record_form(MESSAGE_AVRO, "orders", AS_OF, "x")
    assert "logicalType" not in json.dumps(form.schema)
    fastavro.parse_schema(form.schema)


@pytest.mark.parametrize(
    ("items", "takes"),
    [
        ("string", True),
        ("null", False),
        (["null"], True),
        ({"type": "fixed", "name": "f", "size": 0}, False),
        ({"type": "fixed", "name": "f", "size": 1}, True),
        ({"type": "record", "name": "r", "fields": []}, False),
        ({"type": "record", "name": "r", "fields": [{"name": "a", "type": "null"}]}, False),
        ({"type": "record", "name": "r", "fields": [{"name": "a", "type": "int"}]}, True),
        ({"type": "record", "name": "r", "fields": [{"name": "a", "type": "r"}]}, False),
        ({"type": "array", "items": "null"}, False),
        ("empty", False),
        ("filled", True),
    ],
    ids=str,
)
def test_arrays_of_nothing_are_found(items, takes):
    empty = {"type": "record", "name": "ns.empty", "fields": []}
    filled = {"type": "record", "name": "filled", "fields": [{"name": "a", "type": "int"}]}
    assert check_items(schema(a=empty, b=filled, c=["null", {"type": "array", "items": items}])) == takes
