"""Rules repair payloads and keep all digits, or give the reason in fixed words."""

import json

import pytest

from schemas.repair.apply import NotRepaired, RulesError, load_rules, mask, repair
from schemas.repair.json_path import parse_path, path_matches
from schemas.repair.rules import Rule, Step


def rule(*steps: dict, **more) -> Rule:
    return Rule.model_validate(
        {"name": "r", "match": {}, "repair": list(steps), "tests": [{"given": {}, "expect": {}}], **more}
    )


@pytest.mark.parametrize(
    ("step", "before", "after"),
    [
        pytest.param({"set": {"path": "data.a", "value": None}}, '{"data":{"a":1}}', '{"data":{"a":null}}', id="set"),
        pytest.param({"set": {"path": "data.b.c", "value": 1}}, '{"data":{}}', '{"data":{}}', id="set needs its parent"),
        pytest.param({"default": {"path": "data.a", "value": 2}}, '{"data":{"a":1}}', '{"data":{"a":1}}', id="default stands back"),
        pytest.param({"default": {"path": "data.a", "value": 2}}, '{"data":{"a":null}}', '{"data":{"a":2}}', id="default for null"),
        pytest.param({"default": {"path": "data.a", "value": 2}}, '{"data":{}}', '{"data":{"a":2}}', id="default"),
        pytest.param({"drop": {"path": "data.a"}}, '{"data":{"a":1,"b":2}}', '{"data":{"b":2}}', id="drop"),
        pytest.param({"drop": {"path": "data.x"}}, '{"data":{"a":1}}', '{"data":{"a":1}}', id="drop nothing"),
        pytest.param({"rename": {"path": "data.A", "to": "a"}}, '{"data":{"A":1}}', '{"data":{"a":1}}', id="rename"),
        pytest.param({"move": {"path": "id", "to": "data.id"}}, '{"id":1,"data":{}}', '{"data":{"id":1}}', id="move"),
        pytest.param({"cast": {"path": "data.a", "to": "integer"}}, '{"data":{"a":" 12 "}}', '{"data":{"a":12}}', id="integer"),
        pytest.param({"cast": {"path": "data.a", "to": "number"}}, '{"data":{"a":"1.10"}}', '{"data":{"a":1.10}}', id="number"),
        pytest.param({"cast": {"path": "data.a", "to": "string"}}, '{"data":{"a":1.10}}', '{"data":{"a":"1.10"}}', id="string"),
        pytest.param({"cast": {"path": "data.a", "to": "boolean"}}, '{"data":{"a":"TRUE"}}', '{"data":{"a":true}}', id="boolean"),
        pytest.param({"cast": {"path": "data.a", "to": "boolean"}}, '{"data":{"a":"False"}}', '{"data":{"a":false}}', id="false"),
        pytest.param({"cast": {"path": "data.a", "to": "string"}}, '{"data":{"a":" Ada "}}', '{"data":{"a":"Ada"}}', id="blanks around"),
        pytest.param(
            {"cast": {"path": "data.items[*].quantity", "to": "integer"}},
            '{"data":{"items":[{"quantity":"1"},{},{"quantity":"2"}]}}',
            '{"data":{"items":[{"quantity":1},{},{"quantity":2}]}}',
            id="every item",
        ),
        pytest.param(
            {"replace": {"path": "data.a", "pattern": "(\\d+),(\\d+)", "with": "\\1.\\2"}},
            '{"data":{"a":"3,50"}}',
            '{"data":{"a":"3.50"}}',
            id="replace",
        ),
        pytest.param(
            {"cast": {"path": "data.items[1].quantity", "to": "integer"}},
            '{"data":{"items":[{"quantity":"1"}]}}',
            '{"data":{"items":[{"quantity":"1"}]}}',
            id="an index behind the end",
        ),
        pytest.param({"cast": {"path": "data.a", "to": "string"}}, '{"data":{"a":true}}', '{"data":{"a":"true"}}', id="true as a text"),
        pytest.param({"replace": {"pattern": ",\\s*}", "with": "}"}}, '{"a":1,}', '{"a":1}', id="the whole text"),
        pytest.param(
            {"json_patch": [{"op": "move", "from": "/a", "path": "/b"}, {"op": "test", "path": "/b", "value": 1}]},
            '{"a":1}',
            '{"b":1}',
            id="JSON Patch",
        ),
    ],
)  # fmt: skip
def test_a_step_changes_the_payload_as_documented(step, before, after):
    assert repair(rule(step), before.encode()).decode() == after


@pytest.mark.parametrize(
    ("step", "payload"),
    [
        pytest.param({"cast": {"path": "a", "to": "integer"}}, '{"a":"secret"}', id="no number"),
        pytest.param({"cast": {"path": "a", "to": "integer"}}, '{"a":1.5}', id="a fraction"),
        pytest.param({"cast": {"path": "a", "to": "integer"}}, '{"a":"1e999999"}', id="too large"),
        pytest.param({"cast": {"path": "a", "to": "number"}}, '{"a":"NaN"}', id="no finite number"),
        pytest.param({"cast": {"path": "a", "to": "boolean"}}, '{"a":"yes"}', id="neither true nor false"),
        pytest.param({"cast": {"path": "a", "to": "string"}}, '{"a":["secret"]}', id="a list"),
        pytest.param({"drop": {"path": "a"}}, "secret", id="no JSON"),
        pytest.param({"drop": {"path": "a"}}, "[" * 100_000, id="too deep"),
        pytest.param(
            {"json_patch": [{"op": "remove", "path": "/b"}]}, '{"a":"secret"}', id="a patch that does not apply"
        ),
    ],
)
def test_an_impossible_repair_is_reported_without_a_value(step, payload):
    with pytest.raises(NotRepaired) as rejected:
        repair(rule(step), payload.encode())
    assert "secret" not in str(rejected.value)


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


def test_the_first_rule_that_matches_repairs():
    base = {"repair": [{"drop": {"path": "a"}}], "tests": [{"given": {"a": 1}, "expect": {}}]}
    rules = load_rules(
        json.dumps(
            {
                "rules": [
                    {"name": "one", "match": {"codes": ["FIELD_TYPE"], "paths": ["data.items[*].sku"]}, **base},
                    {"name": "two", "match": {"topics": ["orders"], "event_types": ["order.created"]}, **base},
                ]
            }
        )
    )
    assert rules.find("FIELD_TYPE", "data.items[3].sku", "orders", "order.created").name == "one"
    assert rules.find("FIELD_TYPE", "data.sku", "orders", "order.created").name == "two"
    assert rules.find("FIELD_TYPE", "data.sku", "orders", None) is None


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


def test_the_whole_payload_is_compared_as_text_and_need_not_be_json():
    whole = {"repair": [{"replace": {"pattern": "'", "with": '"'}}]}
    assert load_rules(json.dumps({"rules": [{**GOOD, **whole, "tests": [{"given": "{'a':1", "expect": '{"a":1'}]}]}))
    with pytest.raises(RulesError, match="not the expected one"):
        load_rules(json.dumps({"rules": [{**GOOD, **whole, "tests": [{"given": "{'a':1", "expect": {"a": 1}}]}]}))


def test_a_replacement_of_the_whole_text_needs_a_text():
    with pytest.raises(NotRepaired, match=r"^the payload is not UTF-8$"):
        repair(rule({"replace": {"pattern": "a", "with": "b"}}), b"\xff")


@pytest.mark.parametrize(
    ("step", "before"),
    [
        pytest.param({"move": {"path": "x", "to": "b"}}, '{"a":1}', id="nothing to move"),
        pytest.param({"rename": {"path": "a[0]", "to": "b"}}, '{"a":[1]}', id="a place in a list has no name"),
        pytest.param({"replace": {"path": "a", "pattern": "1", "with": "2"}}, '{"a":[1]}', id="a list has no text"),
    ],
)
def test_a_step_without_its_place_changes_nothing(step, before):
    assert repair(rule(step), before.encode()).decode() == before


@pytest.mark.parametrize(
    ("step", "payload", "reason"),
    [
        ({"cast": {"path": "a", "to": "integer"}}, '{"a":"x"}', "a cast to integer of what is no number"),
        ({"cast": {"path": "a", "to": "number"}}, '{"a":"1e41"}', "a cast to number of what is no number in reach"),
        ({"cast": {"path": "a", "to": "integer"}}, '{"a":1.5}', "a cast to integer of what has a fraction"),
        (
            {"cast": {"path": "a", "to": "boolean"}},
            '{"a":"yes"}',
            "a cast to boolean of what is neither true nor false",
        ),
        ({"cast": {"path": "a", "to": "string"}}, '{"a":null}', "a cast to string of what is no single value"),
        ({"drop": {"path": "a"}}, "{", "the payload is not JSON"),
        ({"json_patch": [{"op": "remove", "path": "/b"}]}, "{}", "the JSON Patch does not apply"),
    ],
)
def test_an_impossible_repair_gives_the_reason(step, payload, reason):
    with pytest.raises(NotRepaired) as rejected:
        repair(rule(step), payload.encode())
    assert str(rejected.value) == reason


def test_a_number_of_41_digits_is_in_reach():
    assert repair(rule({"cast": {"path": "a", "to": "number"}}), b'{"a":"1e40"}') == b'{"a":1E+40}'


def test_a_rule_file_error_with_control_characters_is_one_line():
    with pytest.raises(RulesError) as rejected:
        load_rules(json.dumps({"rules": [], "a\n\x1b[2J": 1}))
    assert str(rejected.value).isprintable()


def test_a_lone_surrogate_is_not_repaired_and_the_reason_is_given():
    with pytest.raises(NotRepaired, match="a text holds half of a surrogate pair"):
        repair(rule({"drop": {"path": "b"}}), rb'{"a": "\ud800", "b": 1}')


def test_every_item_of_a_list_is_dropped():
    assert repair(rule({"drop": {"path": "a[*]"}}), b'{"a":[1,2,3],"b":1}') == b'{"a":[],"b":1}'


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


def test_a_mask_keeps_shape_keys_and_punctuation():
    payload = b'{"name":"Ada 7, \xc3\x84.","n":[1.50,-12],"yes":true,"nothing":null}'
    shown = '{"name": "xxx 0, x.", "n": [0.00, -00], "yes": true, "nothing": null}'
    assert mask(payload, keep=len(shown)) == shown
    assert mask(payload, keep=len(shown) - 1) == shown[:-2] + "…"


def test_a_mask_shows_keys_of_any_script_and_ends_at_2_000_characters():
    assert mask('{"größe": "Ä"}'.encode()) == '{"größe": "x"}'
    assert len(mask(json.dumps("a" * 9_000).encode())) == 2_000


def test_a_payload_that_is_not_json_is_masked_completely():
    assert mask(b"secret") == "(6 bytes that are not JSON)"
    assert mask(json.dumps(["a" * 99]).encode(), keep=10) == '["xxxxxxx…'


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


@pytest.mark.parametrize(
    ("step", "before", "after"),
    [
        pytest.param({"drop": {"path": "a[*]"}}, '{"a":[1,2,3]}', '{"a":[]}', id="every item is dropped"),
        pytest.param({"drop": {"path": "a[*].b[*]"}}, '{"a":[{"b":[1,2]},{"b":[3]}]}', '{"a":[{"b":[]},{"b":[]}]}', id="nested"),
        pytest.param({"drop": {"path": "a[1]"}}, '{"a":[1,2,3]}', '{"a":[1,3]}', id="one item"),
        pytest.param({"move": {"path": "a[0]", "to": "a[1]"}}, '{"a":[1,2]}', '{"a":[1]}', id="within a list"),
        pytest.param({"move": {"path": "a.b", "to": "a"}}, '{"a":{"b":1}}', '{"a":1}', id="up"),
        pytest.param({"move": {"path": "a", "to": "a"}}, '{"a":1}', '{"a":1}', id="to itself"),
        pytest.param({"cast": {"path": "a", "to": "string"}}, '{"a":0.0000001}', '{"a":"0.0000001"}', id="no exponent"),
        pytest.param({"replace": {"path": "a", "pattern": "True", "with": "x"}}, '{"a":true}', '{"a":true}', id="true is no text"),
        pytest.param({"drop": {"path": "debug"}}, '{"debug":"\\ud83c","a":1}', '{"a":1}', id="half of a pair is dropped"),
        pytest.param({"drop": {"path": "debug"}}, '{"debug":NaN,"a":1}', '{"a":1}', id="NaN is dropped"),
    ],
)  # fmt: skip
def test_a_step_reaches_every_place_and_loses_nothing(step, before, after):
    assert repair(rule(step), before.encode()).decode() == after


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b'{"a":"\\ud83c"}', "a text holds half of a surrogate pair"),
        (b'{"\\ud83c":1}', "a text holds half of a surrogate pair"),
        (b'{"a":NaN}', "a number is not finite"),
        (b'{"a":-Infinity}', "a number is not finite"),
        (b"\xff", "the payload is not JSON"),
    ],
)
def test_what_stays_unwritable_is_a_result(payload, reason):
    with pytest.raises(NotRepaired, match=f"^{reason}$"):
        repair(rule({"drop": {"path": "debug"}}), payload)


def test_a_value_cannot_move_into_itself():
    with pytest.raises(ValueError, match="a cannot move into itself"):
        rule({"move": {"path": "a", "to": "a.b"}})


def test_one_payload_does_not_change_the_rule_for_the_next():
    both = rule({"set": {"path": "a", "value": {}}}, {"move": {"path": "b", "to": "a.b"}})
    assert repair(both, b'{"b":1}') == b'{"a":{"b":1}}'
    assert repair(both, b"{}") == b'{"a":{}}'
