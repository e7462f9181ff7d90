"""Events of a request: split, checked by the contract, all or nothing."""

import json

import pytest

from services.api.ingest import MAX_EVENTS, RecentIds, Rejected, take_events
from tests.support.events import PUBLISHED_US, make_event, with_data

GOOD = make_event("order.updated")


def take(body) -> list:
    return take_events(body if isinstance(body, bytes) else json.dumps(body).encode(), PUBLISHED_US)


def rejected(body) -> Rejected:
    with pytest.raises(Rejected) as error:
        take(body)
    return error.value


def test_the_bytes_of_each_event_are_those_that_came():
    one = json.dumps(GOOD, indent=3).encode()
    other = json.dumps(make_event("customer.updated", eventId=GOOD["eventId"][:-1] + "0")).encode()
    found = take(b" [ " + one + b" ,\n" + other + b"]")
    assert [event.data for event in found] == [one, other]
    assert [event.topic for event in found] == ["orders", "customers"]
    assert [event.data for event in take(one)] == [one]


def test_the_same_event_twice_is_one_and_another_content_is_a_conflict():
    assert len(take([GOOD, GOOD])) == 1
    error = rejected([GOOD, with_data("order.updated", status="OTHER")])
    assert (error.status, [fault["code"] for fault in error.errors]) == (409, ["EVENT_ID_CONFLICT"])


def test_every_rejected_event_is_named_by_its_position():
    error = rejected([GOOD, 7, {**GOOD, "source": "x"}])
    assert error.status == 400
    assert [(fault["index"], fault["code"]) for fault in error.errors] == [(1, "NOT_OBJECT"), (2, "SOURCE_NOT_ALLOWED")]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "EMPTY"),
        (b"[]", 400, "LIST_LENGTH"),
        (b"[1," * 3, 400, "JSON_SYNTAX"),
        ([GOOD] * (MAX_EVENTS + 1), 413, "LIST_LENGTH"),
        (b'{"eventType": "' + b"x" * 2_000_000 + b'"}', 413, "TOO_LARGE"),
        (b"[" * 2000 + b"]" * 2000, 400, None),
        (b'{"eventType": ["order.updated"]}', 400, None),
    ],
)
def test_a_body_that_is_not_accepted(body, status, code):
    error = rejected(body)
    assert error.status == status
    if code:
        assert error.errors[0]["code"] == code


def test_recent_ids_are_bounded():
    recent, [event] = RecentIds(size=2), take(GOOD)
    recent.add(event)
    [other] = take(with_data("order.updated", status="OTHER"))
    assert recent.conflicts(other)
    assert not recent.conflicts(event)
    for number in range(3):
        recent.add(take(make_event("order.updated", eventId=GOOD["eventId"][:-1] + str(number)))[0])
    assert not recent.conflicts(other)
