"""A user's mistake on the command line: exit 2, one line that names option and value, and what was perhaps meant."""

import re

import pytest

from pipelines.cli.main import COMMANDS, build_parser, main
from pipelines.command_options.parser import Parser, did_you_mean


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["replya"], "COMMAND: replya is unknown; did you mean replay?"),
        (["xyz"], "COMMAND: xyz is unknown; it takes simulate, local, "),
        (["simulate", "--ouput", "x"], "--ouput x: there is no option --ouput; did you mean --output?"),
        (
            ["simulate", "--event-bytes=3"],
            "--event-bytes=3: there is no option --event-bytes; did you mean --event_bytes?",
        ),
        (["simulate", "--output", "x", "--zzz"], "--zzz: there is no option --zzz\n"),
        (["simulate", "--output", "x", "--events", "many"], "--events: many is not a number"),
        (["simulate", "--output", "x", "--format", "message"], "--format: message is unknown; did you mean messages?"),
        (["simulate", "--output", "x", "--format", "xml"], "--format: xml is unknown; it takes messages, events"),
        (["simulate", "--output", "x", "y"], "y: unexpected argument"),
        (["simulate"], "the following arguments are required: --output"),
    ],
)
def test_a_mistake_is_one_line(capsys, words, said):
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert said in printed.err
    assert len(printed.err.splitlines()) == 2
    assert "--help'" in printed.err


def test_a_value_may_look_like_an_option_behind_a_double_dash():
    parser = Parser(prog="p")
    parser.add_argument("word")
    assert parser.parse_args(["--", "--word"]).word == "--word"


def test_the_version_is_printed(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert re.fullmatch(r"event-pipelines \d+\.\d+\.\d+\S*\n", capsys.readouterr().out)


def test_no_command_shows_the_help(capsys):
    assert main([]) == 2
    printed = capsys.readouterr().err
    assert all(name in printed for name in COMMANDS)


def test_the_help_names_every_command_once():
    assert [build_parser().format_help().count(f"\n    {name} ") + build_parser().format_help().count(f"\n    {name}\n")
            for name in COMMANDS] == [1] * len(COMMANDS)  # fmt: skip


@pytest.mark.parametrize(
    ("given", "hint"),
    [("ORDER_CURENT", "; did you mean order_current?"), ("as-of", "; did you mean as_of?"), ("zzz", "")],
)
def test_a_misspelt_word_gets_a_suggestion(given, hint):
    assert did_you_mean(given, ["order_current", "as_of"]) == hint
