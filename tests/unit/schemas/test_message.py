"""A message as a line of a file and as a record of the archive, and what is none."""

import base64
import json
from datetime import UTC, datetime

import pytest

from schemas.event import not_a_message
from schemas.message import (
    MAX_BYTES,
    TOPICS,
    UNKNOWN_TOPIC,
    Message,
    NotAMessage,
    format_line,
    from_record,
    parse_line,
    topic_label,
)
from schemas.timestamps import EARLIEST_US, LATEST_US, parse_rfc3339

AT = parse_rfc3339("2026-06-15T12:00:00Z")[0]
LINE = {
    "topic": "orders",
    "messageId": "17",
    "publishTime": "2026-06-15T12:00:00Z",
    "attributes": {"k": "v"},
    "data": "e30=",
}
RECORD = {"topic": "orders", "messageId": "17", "publishTime": AT, "attributes": {"k": "v"}, "data": b"{}"}
MESSAGE = Message("orders", "17", AT, {"k": "v"}, b"{}")


def line(**changes) -> bytes:
    return json.dumps({key: value for key, value in {**LINE, **changes}.items() if value is not ...}).encode()


@pytest.mark.parametrize(
    "text",
    [line(), line() + b"\r\n", b"  " + line(), line(more=1), line(publishTime="2026-06-15T14:00:00+02:00")],
    ids=["plain", "line end", "blanks", "an unknown key", "another zone"],
)
def test_a_line_is_a_message(text):
    assert parse_line(text, "customers") == MESSAGE


def test_a_message_may_be_empty_and_of_any_topic():
    assert parse_line(line(data="", attributes={}, topic="news", messageId=""), "orders") == Message(
        "news", "", AT, {}, b""
    )


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (b"", ""),
        (b"null", ""),
        (b"[1]", ""),
        (b"not json", ""),
        (b"\xff\xfe", ""),
        (line()[:-1], ""),
        (line() + line(), ""),
        (line(more=0).replace(b": 0", b": " + b"[" * 50_000 + b"]" * 50_000), ""),
        (line(topic="\ud800"), ""),
        *((line(**{name: ...}), name) for name in LINE),
        *((line(**{name: None}), name) for name in LINE),
        *((line(**{name: 1}), name) for name in LINE),
        (line(attributes={"k": 1}), "attributes"),
        (line(attributes=["k"]), "attributes"),
        (line(data="{}"), "data"),
        (line(data="e30"), "data"),
        (line(data="e30=\n"), "data"),
        (line(data="e3-_"), "data"),
        (line(publishTime="yesterday"), "publishTime"),
        (line(publishTime="2026-06-15T12:00:00"), "publishTime"),
        (line(publishTime="0000-01-01T00:00:00Z"), "publishTime"),
        (line(publishTime="9999-12-31T23:59:59-10:00"), "publishTime"),
    ],
    ids=lambda value: repr(value[-60:]) if isinstance(value, bytes) else value or "-",
)
def test_a_line_that_is_no_message_says_where(text, path):
    outcome = parse_line(text, "customers")
    assert isinstance(outcome, NotAMessage)
    assert (outcome.topic, outcome.data, outcome.path) == ("customers", text, path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (line(data=None), "a field of the message is missing or of the wrong form"),
        (b"{", "the line is not a JSON object"),
        (line(publishTime="yesterday"), "publishTime is not an RFC 3339 time"),
    ],
    ids=["a field", "no object", "no time"],
)
def test_a_line_that_is_no_message_says_why(text, reason):
    assert parse_line(text, "orders").reason == reason


def test_a_message_is_one_line_of_its_five_fields():
    text = b'"publishTime":"2026-06-15T12:00:00Z","attributes":{"k":"v"},"data":"AP8="}\n'
    assert (
        format_line(Message("orders", "17", AT, {"k": "v"}, b"\0\xff")) == b'{"topic":"orders","messageId":"17",' + text
    )


@pytest.mark.parametrize("moment", [AT, datetime(2026, 6, 15, 12, tzinfo=UTC)], ids=["microseconds", "a datetime"])
def test_a_record_of_the_archive_is_a_message(moment):
    assert from_record({**RECORD, "publishTime": moment}, "customers") == MESSAGE


@pytest.mark.parametrize("moment", [EARLIEST_US, LATEST_US], ids=["the first", "the last"])
def test_the_edges_of_time_are_within(moment):
    assert from_record({**RECORD, "publishTime": moment}, "customers").publish_time == moment


@pytest.mark.parametrize(
    ("record", "path", "reason"),
    [
        ({**RECORD, "data": None}, "", "the record lacks a field of a message"),
        ({**RECORD, "publishTime": LATEST_US + 1}, "publishTime", "publishTime is outside the years 1 to 9999"),
    ],
    ids=["a field", "a time"],
)
def test_a_record_that_is_no_message_says_why(record, path, reason):
    outcome = from_record(record, "customers")
    assert (outcome.path, outcome.reason) == (path, reason)


def test_of_a_record_that_json_cannot_hold_the_form_is_kept():
    outcome = from_record({**RECORD, "attributes": {"k": 1j}}, "customers")
    assert json.loads(outcome.data)["attributes"] == {"k": "1j"}


@pytest.mark.parametrize(
    "record",
    [
        None,
        [],
        {},
        *({key: value for key, value in RECORD.items() if key != name} for name in RECORD),
        {**RECORD, "publishTime": True},
        {**RECORD, "publishTime": "2026-06-15T12:00:00Z"},
        {**RECORD, "publishTime": EARLIEST_US - 1},
        {**RECORD, "publishTime": LATEST_US + 1},
        {**RECORD, "data": "e30="},
        {**RECORD, "attributes": None},
        {**RECORD, "attributes": {"k": None}},
        {**RECORD, "topic": b"orders"},
    ],
    ids=lambda record: repr(record)[:60],
)
def test_a_record_that_is_no_message_is_kept_whole(record):
    outcome = from_record(record, "customers")
    assert isinstance(outcome, NotAMessage)
    assert outcome.topic == "customers"
    kept = json.loads(outcome.data)
    if isinstance(record, dict) and isinstance(record.get("data"), bytes):
        assert base64.b64decode(kept["data"]) == record["data"]
    assert bool(kept) == bool(record)


def test_what_is_no_message_is_a_dead_letter_of_the_source():
    letter = not_a_message(NotAMessage("orders", b"{", "", "the line is not a JSON object"))
    assert (letter.stage, letter.code, letter.data, letter.size) == ("source", "NOT_A_MESSAGE", b"{", 1)
    assert (letter.path, letter.error_message) == ("", "the line is not a JSON object")
    assert (letter.message_id, letter.publish_time, letter.attributes, letter.attempt) == (None, None, {}, 1)


def test_of_an_endless_line_the_first_64_kib_are_kept():
    letter = not_a_message(parse_line(b"x" * (MAX_BYTES + 1), "orders"))
    assert (len(letter.data), letter.size) == (65_536, MAX_BYTES + 1)


def test_a_topic_is_named_only_from_the_closed_list():
    assert [topic_label(topic) for topic in TOPICS] == list(TOPICS)
    assert topic_label("secret-topic-17") == UNKNOWN_TOPIC
