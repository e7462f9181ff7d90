"""The message of a dead letter: one fixed text per check, for filters, without any value."""

import pytest

from schemas.message import MAX_BYTES
from tests.support.events import ABSENT, CAUSATION_ID, CORRELATION_ID, make_event, make_message, rejected, with_data

METADATA = {"correlationId": CORRELATION_ID, "causationId": CAUSATION_ID}
ELSEWHERE = ("x.y", "iot.telemetry")
"""Sent to `orders`, where they do not belong."""


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (b"\x1f\x8b\x08" + bytes(10), "the payload is compressed; it is never inflated"),
        (b" ", "the message has no payload"),
        ("{}".encode("utf-16-le"), "the payload is not UTF-8 (it looks like UTF-16 or UTF-32)"),
        (b"\xff", "the payload is not UTF-8"),
        (b"x" * (MAX_BYTES + 1), "the message is larger than 1048576 bytes"),
        (b"{", "the payload is not JSON"),
        (b"[" * 65 + b"]" * 65, "objects and arrays nest deeper than 64"),
        (b"[]", "the top level is not an object"),
        (make_event(eventId=ABSENT), "a required field is absent"),
        (make_event(metadata={}), "a required field is absent"),
        (make_event(eventId=1), "a string is required here"),
        (make_event(data=1), "an object is required here"),
        (make_event(metadata={"correlationId": 1}), "a string is required here"),
        (make_event(metadata={**METADATA, "causationId": 1}), "a string or null is required here"),
        (make_event(eventId="x"), "the text is not a UUID"),
        (make_event(metadata={"correlationId": "x"}), "the text is not a UUID"),
        (make_event(metadata={**METADATA, "causationId": "x"}), "the text is not a UUID"),
        (make_event(dataContentType="text/plain"), "the content type is not application/json"),
        (make_event(eventType="x.y"), "the event type is not in the contract"),
        (make_event(eventType="iot.telemetry"), "this event type does not belong on this topic"),
        (make_event(source="x"), "this source may not send this event type"),
        (make_event(eventTime="x"), "the text is not an RFC 3339 time with Z or an offset"),
        (make_event(eventTime="9999-12-31T23:59:59-10:00"), "the time lies outside the years 1 to 9999"),
        (make_event(eventTime="1999-12-31T23:59:59Z"), "the time is before the year 2000"),
        (make_event(eventTime="2999-01-01T00:00:00Z"), "the time is more than 300 s after the message was published"),
        (
            with_data("order.completed", completedAt="2999-01-01T00:00:00Z"),
            "the time is more than 300 s after the publish time",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "of",
)
def test_a_dead_letter_gives_the_reason(message, said):
    topic = "orders" if isinstance(message, bytes) or message["eventType"] in ELSEWHERE else None
    assert rejected(make_message(message, topic)).error_message == said
