"""validate: a verdict a message, whatever form the file has; exit code 1 where one would be a dead letter."""

import argparse
import gzip
import io
import json
import sys
from types import SimpleNamespace

import pytest

from pipelines.cli.arguments import validate as arguments
from pipelines.cli.commands import validate
from schemas.message import format_line
from tests.support.events import PUBLISHED, make_event, make_message, with_data
from tests.support.golden import MESSAGES, golden_cases

OTHER_ID = "9c1f9a52-7d44-4c1b-9f65-0a1b2c3d4e5f"
GOOD = json.dumps(make_event())
BAD = json.dumps(with_data("payment.processed", amount="-1"))


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    arguments.add_arguments(parser)
    return validate.run(parser.parse_args(words))


@pytest.fixture
def verdicts(tmp_path, capsys):
    """Return a function that validates a text and returns exit code and printed lines."""

    def of(text: str | bytes, *words: str, name: str = "events.jsonl") -> tuple[int, list[str]]:
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        code = run(str(path), "--as_of", PUBLISHED, *words)
        return code, capsys.readouterr().out.splitlines()

    return of


def test_good_events_end_with_0(verdicts):
    assert verdicts(GOOD + "\n") == (0, ["1: valid", "1 received: 1 valid, 0 duplicate, 0 dead letter"])


def test_a_dead_letter_exits_with_1_and_names_the_line(verdicts):
    code, lines = verdicts(f"{GOOD}\n{BAD}\n")
    assert code == 1
    assert lines == [
        "1: valid",
        "2: dead letter FIELD_RANGE data.amount (the value is outside the range that the contract gives this field)",
        "2 received: 1 valid, 0 duplicate, 1 dead letter",
    ]


def test_dead_letters_are_printed_with_the_next_step(tmp_path, capsys):
    path = tmp_path / "events.jsonl"
    path.write_text(f'{BAD}\n{{"id": 1}}\n{{"id": 2}}\n')
    assert run(str(path), "--as_of", PUBLISHED) == 1
    assert "most are MISSING_FIELD: `event-pipelines explain MISSING_FIELD`" in capsys.readouterr().err
    path.write_text(GOOD)
    assert run(str(path), "--as_of", PUBLISHED) == 0
    assert capsys.readouterr().err == ""


def test_lines_are_numbered_as_in_the_file(verdicts):
    _, lines = verdicts(f"\n{GOOD}\r\n\n{BAD}", "--quiet")
    assert lines[0].startswith("4: dead letter FIELD_RANGE")
    assert len(lines) == 2


def test_a_duplicate_differs_from_a_conflict(verdicts):
    other = json.dumps(with_data("order.updated", status="LOST"))
    code, lines = verdicts("\n".join([GOOD, GOOD, other, other]))
    assert code == 1
    assert [line.split(" (")[0] for line in lines[:-1]] == [
        "1: valid",
        "2: duplicate",
        "3: dead letter EVENT_ID_CONFLICT eventId",
        "4: dead letter EVENT_ID_CONFLICT eventId",
    ]


def test_notes_are_printed(verdicts):
    assert verdicts(json.dumps(make_event(x=1)))[1][0] == "1: valid UNKNOWN_FIELD"


def test_messages_bring_their_own_clock_and_topic(verdicts):
    message = make_message(make_event())
    late = make_message(make_event(eventId=OTHER_ID), topic="inventory")
    code, lines = verdicts(format_line(message) + format_line(late) + b'{"messageId": "3"}\n')
    assert code == 1
    assert [line.split(" (")[0] for line in lines[:-1]] == [
        "1: valid",
        "2: dead letter TOPIC_MISMATCH eventType",
        "3: dead letter NOT_A_MESSAGE publishTime",
    ]


def test_the_topic_of_plain_events_may_be_given(verdicts):
    assert verdicts(GOOD, "--topic", "orders")[0] == 0
    assert "TOPIC_MISMATCH" in verdicts(GOOD, "--topic", "inventory")[1][0]


def test_the_publish_time_of_plain_events_may_be_given(tmp_path, capsys):
    path = tmp_path / "events.jsonl"
    path.write_text(GOOD)
    assert run(str(path)) == 0  # now is later than the event
    assert run(str(path), "--as_of", "2026-01-01T00:00:00Z") == 1
    assert "TIME_RANGE" in capsys.readouterr().out


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(make_event(), indent=2),
        json.dumps(make_event("order.created"), indent=2) + "\n",
        "\n" + json.dumps(make_event(), indent="\t"),
        GOOD.replace(', "', ',\n "'),
        "\ufeff" + json.dumps(make_event(), indent=2),
    ],
    ids=["indented", "line end", "blank line first", "broken after commas", "BOM"],
)
def test_one_event_over_several_lines_is_one_message(verdicts, text):
    code, lines = verdicts(text)
    assert code == 0
    assert lines[0].startswith("2: valid" if text.startswith("\n") else "1: valid")
    assert lines[1].startswith("1 received")


def test_one_broken_event_over_several_lines_is_one_dead_letter(verdicts):
    code, lines = verdicts(json.dumps(make_event("order.created"), indent=2)[:-1] + ",}")
    assert code == 1
    assert lines[0].startswith("1: dead letter JSON_SYNTAX")
    assert lines[1].startswith("1 received")


def test_a_line_cut_off_does_not_hide_the_others(verdicts):
    code, lines = verdicts(f"{GOOD[:-1]}\n{GOOD}\n")
    assert code == 1
    assert [line.split(" (")[0] for line in lines] == [
        "1: dead letter JSON_SYNTAX",
        "2: valid",
        "2 received: 1 valid, 0 duplicate, 1 dead letter",
    ]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (GOOD.encode("utf-16"), "ENCODING"),
        (b"[" * 2000, "JSON_DEPTH"),
        (b"[1]\n", "NOT_OBJECT"),
        (b"null", "NOT_OBJECT"),
        (b"\xff", "ENCODING"),
        (b"{}", "MISSING_FIELD"),
        (b'{"eventType": 1, "eventId": 1, "eventTime": 1, "source": 1, "data": 1, "metadata": 1}', "FIELD_TYPE"),
    ],
    ids=["UTF-16", "deep", "array", "null", "binary", "empty object", "types"],
)
def test_data_that_is_not_an_event_is_a_dead_letter(verdicts, text, code):
    exit_code, lines = verdicts(text)
    assert exit_code == 1
    assert code in lines[0]


def test_cloudevents_are_accepted_with_the_option(verdicts):
    event = make_event()
    cloud = {
        "specversion": "1.0",
        "id": event["eventId"],
        "type": event["eventType"],
        "time": event["eventTime"],
        "source": event["source"],
        "correlationid": event["metadata"]["correlationId"],
        "data": event["data"],
    }
    assert verdicts(json.dumps(cloud, indent=1), "--accept_cloudevents")[0] == 0
    assert verdicts(json.dumps(cloud))[0] == 1


def test_json_is_one_object_a_message(verdicts):
    code, lines = verdicts(f"{GOOD}\n{BAD}", "--json")
    assert code == 1
    assert [json.loads(line) for line in lines] == [
        {"line": 1, "outcome": "valid"},
        {
            "line": 2,
            "outcome": "dead letter",
            "code": "FIELD_RANGE",
            "path": "data.amount",
            "reason": "the value is outside the range that the contract gives this field",
        },
    ]


def test_gzip_and_standard_input(verdicts, monkeypatch, capsys):
    assert verdicts(gzip.compress(GOOD.encode()), name="events.jsonl.gz")[0] == 0
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(GOOD.encode())))
    assert run("-", "--as_of", PUBLISHED) == 0
    assert capsys.readouterr().out.startswith("1: valid")


@pytest.mark.parametrize(
    ("typed", "said"), [(True, "reading standard input; Ctrl-D ends it\n"), (False, "")], ids=["typed", "piped"]
)
def test_an_interactive_user_sees_how_to_stop(monkeypatch, capsys, typed, said):
    source = type("Terminal", (io.BytesIO,), {"isatty": lambda self: typed})(GOOD.encode())
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=source))
    assert run("-", "--as_of", PUBLISHED) == 0
    assert capsys.readouterr().err == said


def test_compressed_bytes_under_another_name_are_recognized(verdicts):
    assert "COMPRESSED" in verdicts(gzip.compress(GOOD.encode(), mtime=0))[1][0]


def test_no_value_is_printed(verdicts):
    event = with_data("payment.processed", amount="4111111111111111x")
    _, lines = verdicts(json.dumps(event))
    assert "4111111111111111" not in "\n".join(lines)


def test_the_golden_messages_get_their_outcomes(capsys):
    assert run(str(MESSAGES), "--json") == 1
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    expected = [case for case, _ in golden_cases()][: len(said)]
    assert [verdict.get("code") or verdict["outcome"] for verdict in said] == [case["expect"] for case in expected]
    assert [verdict.get("notes", []) for verdict in said] == [case.get("notes", []) for case in expected]
