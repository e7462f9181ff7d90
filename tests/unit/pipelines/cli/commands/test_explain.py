"""explain: every code has a meaning, an example that causes it, and a fix."""

import argparse

import pytest

from pipelines.cli.arguments import explain as arguments
from pipelines.cli.commands import explain
from pipelines.errors import UserError
from schemas.decode.decoder import decode
from schemas.docs.error_codes import EXPLANATIONS, NOTES, example_message, show
from schemas.event import DeadLetter, Event
from schemas.message import NotAMessage, parse_line
from schemas.outcomes import CODES_OF, Code, Note

WITHOUT_EXAMPLE = {Code.SINK_REJECTED, Code.SINK_EXHAUSTED, Code.INTERNAL}


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    arguments.add_arguments(parser)
    return explain.run(parser.parse_args(words))


def test_every_code_is_explained():
    assert set(EXPLANATIONS) == set(Code)
    assert {code for codes in CODES_OF.values() for code in codes} == set(Code)
    assert {code for code in Code if not EXPLANATIONS[code].examples} == WITHOUT_EXAMPLE


@pytest.mark.parametrize("code", [code for code in Code if EXPLANATIONS[code].examples])
def test_an_example_earns_its_code(code):
    examples = EXPLANATIONS[code].examples
    if code is Code.NOT_A_MESSAGE:
        assert isinstance(parse_line(examples[0], "orders"), NotAMessage)
    elif code is Code.EVENT_ID_CONFLICT:
        first, second = (decode(example_message(data)) for data in examples)
        assert isinstance(first, Event)
        assert first.event_id == second.event_id
        assert first.content != second.content
    else:
        (data,) = examples
        outcome = decode(example_message(data))
        assert isinstance(outcome, DeadLetter)
        assert outcome.code == code


@pytest.mark.parametrize("code", Code)
def test_a_code_is_printed_with_all_that_is_known_of_it(code, capsys):
    assert run(code.value.lower()) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"{code.value} (stage: ")
    assert "To fix it: " in printed
    assert ("Example:" in printed) == bool(EXPLANATIONS[code].examples)
    assert all(char.isprintable() or char == "\n" for char in printed)
    assert len(printed) < 3000


def test_a_path_is_answered_with_the_rule_of_the_field_and_an_example(capsys):
    assert run("data.items[3].quantity") == 0
    printed = capsys.readouterr().out
    assert printed.startswith("data.items[*].quantity of order.created, order.updated\nrequired, JSON type integer\n")
    assert "Rule: an integer from 1 to 9223372036854775807" in printed
    assert "Example: 2" in printed


def test_a_path_with_several_rules_is_answered_with_each(capsys):
    assert run("source") == 0
    printed = capsys.readouterr().out
    assert "source of order.created\n" in printed
    assert "exactly iot-gateway for iot.telemetry" in printed


@pytest.mark.parametrize("note", Note)
def test_a_note_is_explained_too(note, capsys):
    assert run(note.value) == 0
    assert capsys.readouterr().out.startswith(f"{note.value} (a note of a valid event): ")
    assert set(NOTES) == set(Note)


def test_without_a_code_all_are_listed(capsys):
    assert run() == 0
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in lines if line[:1].isupper() and "_" in line.split()[0]} >= {
        item.value for item in (*Code, *Note) if "_" in item.value
    }
    assert max(map(len, lines)) <= 100


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("FIELD_RANG", "did you mean FIELD_RANGE"),
        ("BOM_REMOVE", "did you mean BOM_REMOVED"),
        ("17", "there are NOT_A_MESSAGE"),
        ("data.ammount", "did you mean data.amount"),
    ],
)
def test_an_unknown_code_is_the_users_mistake(name, hint):
    with pytest.raises(UserError, match=f"CODE {name}: no such code, and no field of an event type; {hint}"):
        run(name)


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (b"", ""),
        (b'{"a": 1}', '{"a": 1}'),
        ("é\n".encode(), "é\n"),
        (b"\x1b[31m\xff", "\\x1b[31m\\xff"),
        (b"a" * 601, "a" * 600 + " … (601 bytes)"),
    ],
    ids=["nothing", "text", "line break", "control characters", "long"],
)
def test_a_payload_is_shown_without_harm_to_a_terminal(data, shown):
    assert show(data) == shown
