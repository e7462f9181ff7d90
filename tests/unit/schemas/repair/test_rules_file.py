"""Rule files: paths, steps and names are checked in full, and each error is one line with its place."""

import json

import pytest

from schemas.repair.apply import RulesError, load_rules, repair
from schemas.repair.json_path import parse_path, path_matches
from schemas.repair.rules import Step


@pytest.mark.parametrize("text", ["", ".", "a.", "a..b", "[0]", "a[x]", "a[", "a]b", "a[0]b"])
def test_a_wrong_path_is_rejected(text):
    with pytest.raises(ValueError, match="no path"):
        parse_path(text)


def test_a_star_matches_any_index():
    assert path_matches("data.items[*].sku", "data.items[12].sku")
    assert not path_matches("data.items[*].sku", "data.items[12].quantity")


@pytest.mark.parametrize(
    "steps", [{}, {"drop": {"path": "a"}, "cast": {"path": "a", "to": "string"}}, {"json_patch": [{"op": "eat"}]}]
)
def test_a_step_does_exactly_one_known_thing(steps):
    with pytest.raises(ValueError):
        Step.model_validate(steps)


def test_rules_with_the_same_name_are_rejected():
    one = {"name": "r", "match": {}, "repair": [{"drop": {"path": "a"}}], "tests": [{"given": {"a": 1}, "expect": {}}]}
    assert load_rules(json.dumps({"rules": [one]})).rules[0].name == "r"
    with pytest.raises(RulesError, match=r"^line 1, column \d+: two rules are named 'r'$"):
        load_rules(json.dumps({"rules": [one, one]}))


GOOD = {"name": "r", "match": {}, "repair": [{"drop": {"path": "a"}}], "tests": [{"given": {"a": 1}, "expect": {}}]}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("rules: [", r"^line 1, column 9: is not YAML: ", id="no YAML"),
        pytest.param("rules:\n\0", "^line 2: is not YAML: a character", id="no text"),
        pytest.param("rules: 3", "rules: Input should be a valid list", id="no list"),
        pytest.param("3", "the file: ", id="no object"),
        pytest.param({"match": {"codes": ["NO_CODE"]}}, r"^line 1, column \d+: rules\.0\.match\.codes\.0: NO_CODE is no code$", id="an unknown code"),
        pytest.param({"match": {"topics": ["invoices"]}}, "invoices is no topic; there are orders, customers", id="an unknown topic"),
        pytest.param({"match": {"event_types": ["a.b"]}}, "a.b is no event type", id="an unknown event type"),
        pytest.param({"repair": []}, "repairs something or names a topic", id="nothing to do"),
        pytest.param({"tests": [{"given": {"a": 1}, "expect": {"a": 1}}]}, "test 1: the repaired payload is not the expected one$", id="its test fails"),
        pytest.param({"tests": [{"given": {"a": 1}, "expect": "[]"}]}, "test 1: .* is not the expected one", id="another text"),
        pytest.param({"tests": [{"given": "{", "expect": {}}]}, "test 1: the payload is not JSON", id="its test cannot be repaired"),
    ],
)  # fmt: skip
def test_a_wrong_rules_file_is_reported_with_its_place(text, problem):
    with pytest.raises(RulesError, match=problem):
        load_rules(text if isinstance(text, str) else json.dumps({"rules": [{**GOOD, **text}]}))


def test_a_rule_file_error_with_control_characters_is_one_line():
    with pytest.raises(RulesError) as rejected:
        load_rules(json.dumps({"rules": [], "a\n\x1b[2J": 1}))
    assert str(rejected.value).isprintable()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("9: 8", id="keys that are numbers"),
        pytest.param("[" * 5000, id="deep"),
        pytest.param(
            "rules: [{name: r, match: {}, repair: [{replace: {pattern: a, with: '\\9'}}], tests: [{given: b, expect: b}]}]",
            id="a group that the pattern lacks",
        ),
        pytest.param(
            "rules: [{name: r, match: {}, repair: [{replace: {pattern: '(', with: b}}], tests: [{given: b, expect: b}]}]",
            id="a pattern that is none",
        ),
        pytest.param("rules: [{name: r, match: {}, tests: [{given: {1: {2: 3}}, expect: 2000-01-01}]}]", id="a test"),
    ],
)
def test_a_rules_file_that_is_wrong_is_an_error_of_one_line(text):
    with pytest.raises(RulesError) as rejected:
        load_rules(text)
    assert len(str(rejected.value).splitlines()) == 1


def test_norway_stays_a_text():
    rules = load_rules(
        """
rules:
  - name: country
    match: {codes: [FIELD_TYPE], paths: [data.country]}
    repair:
      - set: {path: data.country, value: NO}
    tests:
      - given: {eventType: customer.registered, data: {country: 3}}
        expect: {eventType: customer.registered, data: {country: NO}}
"""
    )
    assert repair(rules.rules[0], b'{"data":{"country":3}}') == b'{"data":{"country":"NO"}}'


def test_the_number_of_a_rule_keeps_its_digits():
    text = (
        "rules: [{name: r, match: {}, repair: [{set: {path: a, value: 1.10}}], tests: [{given: {}, expect: {a: 1.1}}]}]"
    )
    assert repair(load_rules(text).rules[0], b"{}") == b'{"a":1.10}'


def test_true_is_not_the_expected_one():
    text = (
        "rules: [{name: r, match: {}, repair: [{set: {path: a, value: true}}], tests: [{given: {}, expect: {a: 1}}]}]"
    )
    with pytest.raises(RulesError, match="not the expected one"):
        load_rules(text)
