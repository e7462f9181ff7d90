"""The golden messages: for every code and note at least two, each with the outcome that the contract gives it."""

import base64
from collections import Counter

import pytest

from schemas.decode.decoder import decode
from schemas.event import DeadLetter, Event, not_a_message
from schemas.message import NotAMessage, parse_line
from schemas.outcomes import Code, Note
from tests.support.golden import golden_cases

CASES = golden_cases()
NO_MESSAGE_SHOWS = {Code.SINK_REJECTED, Code.SINK_EXHAUSTED, Code.INTERNAL}
BY_IDENTITY = {"duplicate", "EVENT_ID_CONFLICT"}


def outcome_of(line: bytes) -> Event | DeadLetter:
    message = parse_line(line, "orders")
    return not_a_message(message) if isinstance(message, NotAMessage) else decode(message)


@pytest.mark.parametrize(("case", "line"), CASES, ids=[case["case"] for case, _ in CASES])
def test_a_golden_message_has_its_outcome(case, line):
    outcome = outcome_of(line)
    if case["expect"] == "valid" or case["expect"] in BY_IDENTITY:
        assert isinstance(outcome, Event), outcome
        assert list(outcome.notes) == case.get("notes", [])
    else:
        assert isinstance(outcome, DeadLetter), outcome
        assert (outcome.code, outcome.path) == (case["expect"], case.get("path", ""))


def test_duplicates_and_conflicts_differ_by_content():
    seen: dict[str, bytes] = {}
    for case, line in CASES:
        outcome = outcome_of(line)
        if isinstance(outcome, Event):
            known = seen.setdefault(outcome.event_id, outcome.content)
            first = known is outcome.content
            said = "valid" if first else "duplicate" if known == outcome.content else "EVENT_ID_CONFLICT"
            assert said == case["expect"], case["case"]


def test_there_are_two_for_every_code_and_every_note():
    expected = Counter(case["expect"] for case, _ in CASES)
    noted = Counter(note for case, _ in CASES for note in case.get("notes", []))
    assert [code for code in Code if expected[code.value] < 2 and code not in NO_MESSAGE_SHOWS] == []
    assert [note for note in Note if noted[note.value] < 2] == []
    assert set(expected) <= {code.value for code in Code} | {"valid", "duplicate"}


def test_no_case_is_there_twice():
    assert [name for name, count in Counter(case["case"] for case, _ in CASES).items() if count > 1] == []


def test_the_text_to_read_is_the_data_that_is_sent():
    readable = {case["case"]: case for case, _ in CASES if "text" in case}
    assert len(readable) > 200
    assert [n for n, case in readable.items() if base64.b64decode(case["data"]) != case["text"].encode()] == []
