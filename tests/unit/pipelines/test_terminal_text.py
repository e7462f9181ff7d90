"""What a terminal prints of data: nothing in it moves the cursor, changes the order, or hides."""

import json

import pytest

from pipelines.terminal_text import escape, escape_json

HOSTILE = [
    "\x1b[2J",
    "\x07",
    "\x7f",
    "\x9b31m",
    "\u202e",
    "\u2066",
    "\u200b",
    "\u2028",
    "\ufeff",
    "\ud800",
    "\U000e0041",
]


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_what_a_terminal_acts_on_is_escaped(text):
    shown = escape(f"a{text}b")
    assert shown.encode().isascii()
    assert shown.isprintable()
    assert json.loads(escape_json(json.dumps(text, ensure_ascii=False))) == text
    assert escape_json(json.dumps(text, ensure_ascii=False)).isprintable()


@pytest.mark.parametrize("text", ["plain", "Größe 1 €", "注文", "שלום", "🙂", "a b"])
def test_plain_text_stays_as_it_is(text):
    assert escape(text) == escape_json(text) == text


def test_an_escape_is_not_escaped_twice():
    assert escape(escape("\x1b")) == "\\x1b"
