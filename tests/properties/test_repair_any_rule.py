"""Any accepted rule applied to any payload returns bytes or a fixed reason; nothing else is raised."""

import contextlib
import json

from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.repair.apply import NotRepaired, RulesError, load_rules, mask, repair
from schemas.repair.rules import Rule

names = st.sampled_from(["a", "b", "data", "items", "ä"])
parts = st.lists(names | st.sampled_from(["[*]", "[0]", "[7]"]), max_size=3)
paths = st.builds(lambda first, rest: first + "".join(p if p[0] == "[" else f".{p}" for p in rest), names, parts)
texts = st.text(st.characters(exclude_categories=[]), max_size=6) | st.sampled_from(
    ["\ud83c", "1,5", "NaN", "1e400", "\uff11\uff12"]
)
numbers = st.integers() | st.floats() | st.sampled_from([1e308, 2**70])
scalars = st.none() | st.booleans() | numbers | texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names | texts, inner, max_size=3)
)
patterns = st.sampled_from(["", "a", "(a+)+$", r"(\d+),(\d+)", "^", ".", "(?P<x>[ab])", "("]) | texts
replacements = st.sampled_from(["", r"\1", r"\2", r"\g<x>", r"\9", "x" * 100]) | texts
pointers = st.sampled_from(["", "/a", "/a/0", "/a/-", "/data/b", "/items/7", "a", "/~2"])
operations = st.builds(
    dict,
    op=st.sampled_from(["add", "remove", "replace", "move", "copy", "test", "eat"]),
    path=pointers | scalars,
    value=values,
) | st.builds(
    lambda op, path, of: {"op": op, "path": path, "from": of}, st.sampled_from(["move", "copy"]), pointers, pointers
)
steps = st.one_of(
    st.builds(lambda path, value: {"set": {"path": path, "value": value}}, paths, values),
    st.builds(lambda path, value: {"default": {"path": path, "value": value}}, paths, values),
    st.builds(lambda path: {"drop": {"path": path}}, paths),
    st.builds(lambda path, to: {"rename": {"path": path, "to": to}}, paths, texts),
    st.builds(lambda path, to: {"move": {"path": path, "to": to}}, paths, paths),
    st.builds(lambda path, to: {"cast": {"path": path, "to": to}}, paths, st.sampled_from(["string", "integer", "number", "boolean"])),
    st.builds(lambda path, p, w: {"replace": {"path": path, "pattern": p, "with": w}}, paths, patterns, replacements),
    st.builds(lambda p, w: {"replace": {"pattern": p, "with": w}}, patterns, replacements),
    st.builds(lambda ops: {"json_patch": ops}, st.lists(operations, max_size=4)),
)  # fmt: skip
payloads = st.binary(max_size=60) | st.builds(
    lambda value: json.dumps(value).encode(), values | st.dictionaries(names, values)
)


def outcome(rule: Rule, payload: bytes) -> bytes:
    """Return the repaired payload, or the reason why there is none."""
    try:
        return repair(rule, payload)
    except NotRepaired as reason:
        return str(reason).encode()


@given(st.lists(steps, min_size=1, max_size=4), payloads)
def test_a_rule_repairs_or_gives_the_reason(steps, payload):
    try:
        rule = Rule.model_validate({"name": "r", "match": {}, "repair": steps, "tests": [{"given": {}, "expect": {}}]})
    except ValidationError:
        return
    before = repr(rule)
    assert outcome(rule, payload) == outcome(rule, payload)
    assert repr(rule) == before


@given(st.binary(max_size=200) | payloads)
def test_any_payload_can_be_masked(payload):
    assert isinstance(mask(payload).encode(), bytes)


@given(
    st.text(max_size=200)
    | st.builds(json.dumps, values)
    | st.builds(lambda value: json.dumps({"rules": value}), values)
)
def test_any_text_is_rules_or_an_error_of_one_line(text):
    with contextlib.suppress(RulesError):
        assert load_rules(text).rules
