"""Rules repair payloads and keep all digits, or give the reason in fixed words."""

import json
import re

import pytest

from schemas.repair.apply import NotRepaired, RulesError, load_rules, repair
from schemas.repair.rules import Rule


@pytest.mark.parametrize(
    ("path", "payload", "missing"),
    [
        ("data.b.c", '{"data":{}}', "data.b"),
        ("data.b.c", '{"data":{"b":"text"}}', "data.b"),
        ("data.b.c", "[]", "the payload"),
        ("data.items[3]", '{"data":{"items":[1]}}', r"data.items\[3\]"),
        ("data.items[*].price.amount", '{"data":{"items":[{"price":{}},{}]}}', r"data.items\[\*\].price"),
    ],
)
@pytest.mark.parametrize("step", ["set", "default"])
def test_a_value_whose_parent_is_missing_is_an_error_that_names_the_path(step, path, payload, missing):
    text = f"^{re.escape(path)} cannot be set: {missing} is missing or of another type$"
    with pytest.raises(NotRepaired, match=text):
        repair(rule({step: {"path": path, "value": 1}}), payload.encode())


def rule(*steps: dict, **more) -> Rule:
    return Rule.model_validate(
        {"name": "r", "match": {}, "repair": list(steps), "tests": [{"given": {}, "expect": {}}], **more}
    )


@pytest.mark.parametrize(
    ("step", "before", "after"),
    [
        pytest.param({"set": {"path": "data.a", "value": None}}, '{"data":{"a":1}}', '{"data":{"a":null}}', id="set"),
        pytest.param({"set": {"path": "data.b.c", "value": 1, "make_parents": True}}, '{"data":{}}', '{"data":{"b":{"c":1}}}', id="set makes parents"),
        pytest.param({"set": {"path": "data.a[*].b.c", "value": 1, "make_parents": True}}, '{"data":{"a":[{},{"b":{}}]}}', '{"data":{"a":[{"b":{"c":1}},{"b":{"c":1}}]}}', id="set makes parents in every item"),
        pytest.param({"set": {"path": "data.a[*].b", "value": 1}}, '{"data":{"a":[]}}', '{"data":{"a":[]}}', id="set in an empty list"),
        pytest.param({"default": {"path": "data.b.c", "value": 1, "make_parents": True}}, '{"data":{"b":null}}', '{"data":{"b":{"c":1}}}', id="default makes parents"),
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


def test_a_lone_surrogate_is_not_repaired_and_the_reason_is_given():
    with pytest.raises(NotRepaired, match="a text holds half of a surrogate pair"):
        repair(rule({"drop": {"path": "b"}}), rb'{"a": "\ud800", "b": 1}')


def test_every_item_of_a_list_is_dropped():
    assert repair(rule({"drop": {"path": "a[*]"}}), b'{"a":[1,2,3],"b":1}') == b'{"a":[],"b":1}'


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
