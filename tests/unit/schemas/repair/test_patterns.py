"""Patterns and replacements: checked when a file is loaded, linear in the text, and never an exception on a payload."""

import json
import time

import pytest

from schemas.repair.apply import NotRepaired, RulesError, load_rules, repair
from schemas.repair.patterns import compile_pattern, compile_template, replace_all
from schemas.repair.rules import Rule


def rule(*steps: dict) -> Rule:
    return Rule.model_validate(
        {"name": "r", "match": {}, "repair": list(steps), "tests": [{"given": {}, "expect": {}}]}
    )


@pytest.mark.parametrize(
    ("pattern", "replacement", "text", "result"),
    [
        (r"(\d+),(\d+)", r"\1.\2", "3,50 4,5", "3.50 4.5"),
        (r"(?P<whole>\d+),", r"\g<whole>.", "3,50", "3.50"),
        (r"a|(b)", r"[\1]", "ab", "[][b]"),
        ("a", r"\\1\n\t", "a", "\\1\n\t"),
        ("ä+", "ö", "xääy", "xöy"),
        ("", "-", "ab", "-a-b-"),
        ("^|$", '"', "a", '"a"'),
    ],
)
def test_matches_are_replaced(pattern, replacement, text, result):
    assert replace_all(pattern, replacement, text) == result


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("[", "missing ]"),
        ("(?=a)b", "look-around"),
        (r"(a)\1", "invalid escape"),
        ("(a", "missing \\)"),
        ("\ud83c", "surrogate"),
    ],
)
def test_a_wrong_pattern_is_reported_with_the_reason(pattern, problem, capfd):
    with pytest.raises(ValueError, match=problem):
        compile_pattern(pattern)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("replacement", [r"\9", r"\2", r"\g<x>", r"\g<2>", r"\d", "a\\", "\ud83c"])
def test_a_wrong_replacement_is_found_when_the_file_is_loaded(replacement):
    with pytest.raises(ValueError, match="the replacement has"):
        compile_template("(a)", replacement)
    one = {
        "name": "r",
        "match": {},
        "repair": [{"replace": {"path": "a", "pattern": "(a)", "with": replacement}}],
        "tests": [{"given": {"a": "b"}, "expect": {"a": "b"}}],
    }
    with pytest.raises(RulesError, match=r"^line 1, column \d+: rules\.0\.repair\.0\.replace: the replacement has"):
        load_rules(json.dumps({"rules": [one]}))


def test_a_pattern_with_catastrophic_backtracking_ends_quickly():
    began = time.process_time()
    assert replace_all("(a+)+$", "x", "a" * 200_000 + "b").endswith("b")
    assert time.process_time() - began < 5


def test_a_replacement_cannot_make_a_payload_huge():
    with pytest.raises(NotRepaired, match="larger than 1048576 bytes"):
        repair(rule({"replace": {"pattern": "", "with": "x" * 1000}}), b"a" * 100_000)


def test_a_json_patch_cannot_make_a_payload_huge():
    steps = [{"op": "add", "path": "/a", "value": []}, *({"op": "copy", "from": "", "path": "/a/-"} for _ in range(60))]
    with pytest.raises(NotRepaired, match="too large"):
        repair(rule({"json_patch": steps}), b"{}")
