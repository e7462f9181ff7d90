"""The beginning of a file tells how its messages are laid out."""

import json

import pytest

from tests.support.events import make_event, message_line
from transforms.sources.file_layout import layout_of

EVENT = make_event("order.created")
LINE = json.dumps(EVENT)
MESSAGE = message_line("orders", 3, b"data", "2026-06-15T12:00:00Z", {})
PULLED = {"ackId": "x", "message": {"data": "e30=", "messageId": "1", "publishTime": "2026-06-15T12:00:00Z"}}


@pytest.mark.parametrize(
    ("text", "kind", "default"),
    [
        (LINE, "lines", "events"),
        (MESSAGE, "lines", "messages"),
        (json.dumps(PULLED), "lines", "messages"),
        (json.dumps({"receivedMessages": [PULLED]}), "lines", "messages"),
        (json.dumps({"subscription": "s", "message": PULLED["message"]}), "lines", "messages"),
        (json.dumps(EVENT, indent=2), "values", "events"),
        (json.dumps([EVENT]), "values", "events"),
        (json.dumps([EVENT, EVENT], indent=1), "values", "events"),
        (json.dumps([PULLED], indent=1), "values", "messages"),
        (json.dumps(PULLED, indent=1), "values", "messages"),
        (json.dumps({"receivedMessages": [PULLED]}, indent=1), "values", "messages"),
        ("\ufeff" + MESSAGE, "lines", "messages"),
        ("\ufeff" + json.dumps(EVENT, indent=2), "values", "events"),
        (json.dumps(EVENT, indent=2)[:-1] + ",}", "values", "events"),
        (json.dumps(EVENT, indent=2)[:-9], "values", "events"),
        ("[\n" + LINE + ",\n" + LINE + "\n]", "values", "events"),
        (LINE[:-1] + "\n" + LINE, "lines", "events"),
        (MESSAGE[:-9] + "\n" + MESSAGE, "lines", "messages"),
        (LINE[:60] + "\n" + LINE, "lines", "events"),
        ("[1]\n[2]", "lines", "events"),
        ("[" * 2000, "lines", "events"),
        ("not json\n" + LINE, "lines", "events"),
        ("{}", "lines", "events"),
        ("Obj\x01", "avro", "messages"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_layout_is_recognized(text, kind, default):
    assert layout_of(text.encode()) == (kind, default)


def test_a_large_event_over_several_lines_is_recognized_by_its_beginning():
    event = {**EVENT, "more": ["x" * 100] * 2000}
    assert layout_of(json.dumps(event, indent=2).encode()[: 64 << 10]) == ("values", "events")


def test_a_line_that_is_longer_than_what_is_looked_at_is_a_line():
    assert layout_of(json.dumps({**EVENT, "more": "x" * 200_000}).encode()[: 64 << 10]) == ("lines", "events")
