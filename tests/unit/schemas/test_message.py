"""A message as a line of a file, and what is none."""

import json

import pytest

from schemas.event import not_a_message
from schemas.message import (
    MAX_BYTES,
    ORDERING_KEY,
    TOPICS,
    UNKNOWN_TOPIC,
    Message,
    NotAMessage,
    format_line,
    parse_line,
    topic_label,
)
from schemas.timestamps import parse_rfc3339

AT = parse_rfc3339("2026-06-15T12:00:00Z")[0]
LINE = {
    "topic": "orders",
    "messageId": "17",
    "publishTime": "2026-06-15T12:00:00Z",
    "attributes": {"k": "v"},
    "data": "e30=",
}
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
        *((line(**{name: ...}), name) for name in ("messageId", "publishTime")),
        *((line(**{name: None}), name) for name in LINE if name != "topic"),
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
def test_a_line_that_is_not_a_message_names_its_place(text, path):
    outcome = parse_line(text, "customers")
    assert isinstance(outcome, NotAMessage)
    assert (outcome.topic, outcome.data, outcome.path) == ("customers", text, path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"topic": ...}, Message("customers", "17", AT, {"k": "v"}, b"{}")),
        ({"topic": None}, Message("customers", "17", AT, {"k": "v"}, b"{}")),
        ({"attributes": ...}, Message("orders", "17", AT, {}, b"{}")),
        ({"data": ...}, Message("orders", "17", AT, {"k": "v"}, b"")),
        ({"messageId": ..., "message_id": "17"}, MESSAGE),
        ({"publishTime": ..., "publish_time": LINE["publishTime"]}, MESSAGE),
        ({"message_id": "other", "publish_time": "2020-01-01T00:00:00Z"}, MESSAGE),
        ({"orderingKey": "c"}, Message("orders", "17", AT, {"k": "v", ORDERING_KEY: "c"}, b"{}")),
        ({"ordering_key": "c"}, Message("orders", "17", AT, {"k": "v", ORDERING_KEY: "c"}, b"{}")),
    ],
    ids=["topic absent", "topic null", "attributes", "data", "id", "time", "both cases", "ordering key", "snake key"],
)
def test_the_rest_form_leaves_out_what_is_empty(changes, message):
    assert parse_line(line(**changes), "customers") == message


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (line(data=None), "a field of the message is missing or of the wrong form"),
        (b"{", "the line is not a JSON object"),
        (line(publishTime="yesterday"), "publishTime is not an RFC 3339 time"),
    ],
    ids=["a field", "no object", "no time"],
)
def test_a_line_that_is_not_a_message_gives_the_reason(text, reason):
    assert parse_line(text, "orders").reason == reason


def test_a_message_is_one_line_of_its_five_fields():
    text = b'"publishTime":"2026-06-15T12:00:00Z","attributes":{"k":"v"},"data":"AP8="}\n'
    assert (
        format_line(Message("orders", "17", AT, {"k": "v"}, b"\0\xff")) == b'{"topic":"orders","messageId":"17",' + text
    )


def test_data_that_is_not_a_message_is_a_dead_letter_of_the_source():
    dead_letter = not_a_message(NotAMessage("orders", b"{", "", "the line is not a JSON object"))
    assert (dead_letter.stage, dead_letter.code, dead_letter.data, dead_letter.size) == (
        "source",
        "NOT_A_MESSAGE",
        b"{",
        1,
    )
    assert (dead_letter.path, dead_letter.error_message) == ("", "the line is not a JSON object")
    assert (dead_letter.message_id, dead_letter.publish_time, dead_letter.attributes, dead_letter.attempt) == (
        None,
        None,
        {},
        1,
    )


def test_the_first_64_kib_of_a_large_message_are_kept():
    dead_letter = not_a_message(parse_line(b"x" * (MAX_BYTES + 1), "orders"))
    assert (len(dead_letter.data), dead_letter.size) == (65_536, MAX_BYTES + 1)


def test_a_line_that_was_too_long_to_hold_is_too_large():
    dead_letter = not_a_message(NotAMessage("orders", b"x" * 65_536, "", "the line is longer", 99_999_999, "5ha"))
    assert (dead_letter.stage, dead_letter.code, dead_letter.size, dead_letter.sha256) == (
        "bytes",
        "TOO_LARGE",
        99_999_999,
        "5ha",
    )
    assert len(dead_letter.data) == 65_536


def test_a_topic_is_named_only_from_the_closed_list():
    assert [topic_label(topic) for topic in TOPICS] == list(TOPICS)
    assert topic_label("secret-topic-17") == UNKNOWN_TOPIC
