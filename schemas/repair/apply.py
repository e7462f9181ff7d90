"""Repair dead letters by rules: change the JSON of a payload, and decide nothing else. Pure.

The result goes through the same decoder as any message. Numbers keep their digits. Whatever a payload holds, a rule that
cannot be applied to it gives NotRepaired with a fixed text.
"""

import copy
import re
from decimal import Decimal, InvalidOperation
from typing import Any

import jsonpatch
from pydantic import ValidationError

from schemas.repair.errors import NotRepaired, RulesError
from schemas.repair.json_path import holds, make_parents, missing_parent, parse_path, path_text, places
from schemas.repair.patterns import replace_all
from schemas.repair.payload import encode_payload, mask, parse_payload
from schemas.repair.rules import Example, Move, Put, Rule, Rules, Step
from schemas.repair.yaml_file import YamlFile

__all__ = ["NotRepaired", "RulesError", "load_rules", "mask", "repair"]

MAX_PATCHED_VALUES = 1_000_000
"""A JSON Patch that copies what it copied doubles a payload with every operation."""
_NUMBER = re.compile(r"[-+]?\d{1,400}(?:\.\d{0,400})?(?:[eE][-+]?\d{1,6})?", re.ASCII)
_PATCH_ERRORS = (
    jsonpatch.JsonPatchException,
    jsonpatch.JsonPointerException,
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    RecursionError,
)
"""What jsonpatch raises for a document of another shape than the patch expects."""


def load_rules(text: str) -> Rules:
    """Return the rules of a YAML text whose own tests all pass; RulesError says what is wrong, with line and column."""
    file = YamlFile(text)
    try:
        rules = Rules.model_validate(file.value)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise RulesError(f"{file.place(first['loc'])}{where}: {first['msg'].removeprefix('Value error, ')}") from None
    seen: set[str] = set()
    for index, rule in enumerate(rules.rules):
        if rule.name in seen:
            raise RulesError(f"{file.place(('rules', index, 'name'))}two rules are named {rule.name!r}")
        seen.add(rule.name)
        for number, example in enumerate(rule.tests):
            if problem := failing(rule, example):
                place = file.place(("rules", index, "tests", number))
                raise RulesError(f"{place}rule {rule.name!r}, test {number + 1}: {problem}")
    return rules


def failing(rule: Rule, example: Example) -> str | None:
    """Return what is wrong with a rule's test, or None."""
    try:
        made = repair(rule, _payload(example.given))
        same = _same(made, example.expect)
    except NotRepaired as error:
        return str(error)
    return None if same else "the repaired payload is not the expected one"


def _payload(value: Any) -> bytes:
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else encode_payload(value)


def _same(made: bytes, expected: Any) -> bool:
    if isinstance(expected, str):
        return made == _payload(expected)
    try:
        return bool(_typed(parse_payload(made)) == _typed(parse_payload(encode_payload(expected))))
    except NotRepaired:
        return False


def _typed(value: Any) -> Any:
    """Return the value with true and false marked: Python treats them as equal to 1 and 0."""
    if isinstance(value, dict):
        return {key: _typed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_typed(item) for item in value]
    return ("bool", value) if isinstance(value, bool) else value


def repair(rule: Rule, payload: bytes) -> bytes:
    """Return the payload as the rule changes it; NotRepaired if the rule cannot be applied."""
    for step in rule.repair:
        if step.replace is not None and step.replace.path is None:
            try:
                payload = replace_all(step.replace.pattern, step.replace.by, payload.decode()).encode()
            except UnicodeDecodeError:
                raise NotRepaired("the payload is not UTF-8") from None
    rest = [step for step in rule.repair if step.replace is None or step.replace.path is not None]
    if not rest:
        return payload
    value = parse_payload(payload)
    try:
        for step in rest:
            value = _apply(step, value)
    except RecursionError:
        raise NotRepaired("the payload nests too deep") from None
    return encode_payload(value)


def _apply(step: Step, value: Any) -> Any:
    if step.json_patch is not None:
        return _patch(step.json_patch, value)
    if step.move is not None:
        return _move(step.move, value)
    what = step.put or step.default or step.drop or step.rename or step.cast or step.replace
    assert what is not None
    assert what.path is not None
    steps = parse_path(what.path)
    if isinstance(what, Put):
        if what.make_parents:
            make_parents(value, steps)
        if (missing := missing_parent(value, steps)) is not None:
            raise NotRepaired(f"{what.path} cannot be set: {path_text(missing)} is missing or of another type")
    found = list(places(value, steps))
    for container, key in reversed(found):  # from the end: a place that is dropped from a list moves those behind it
        there = holds(container, key)
        if step.put is not None or (step.default is not None and (not there or container[key] is None)):
            container[key] = copy.deepcopy(what.value)  # type: ignore[union-attr]
        elif not there:
            continue
        elif step.drop is not None:
            del container[key]
        elif step.rename is not None and isinstance(container, dict):
            container[step.rename.to] = container.pop(key)
        elif step.cast is not None:
            container[key] = _cast(container[key], step.cast.to)
        elif step.replace is not None and _is_text_or_number(container[key]):
            container[key] = replace_all(step.replace.pattern, step.replace.by, _spelled(container[key]))
    return value


def _patch(operations: list[dict[str, Any]], value: Any) -> Any:
    for operation in operations:
        try:
            value = jsonpatch.JsonPatch([copy.deepcopy(operation)]).apply(value)
        except _PATCH_ERRORS:
            raise NotRepaired("the JSON Patch does not apply") from None
        if _count(value) > MAX_PATCHED_VALUES:
            raise NotRepaired("the JSON Patch makes the payload too large")
    return value


def _count(value: Any) -> int:
    """Return the number of values, counted until they are too many."""
    waiting, count = [value], 0
    while waiting and count <= MAX_PATCHED_VALUES:
        item = waiting.pop()
        count += 1
        waiting += item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
    return count


def _move(move: Move, value: Any) -> Any:
    found = [place for place in places(value, parse_path(move.path)) if holds(*place)]
    to = list(places(value, parse_path(move.to)))
    if len(found) == 1 and len(to) == 1:
        (of, key), (into, name) = found[0], to[0]
        if of is not into or key != name:
            into[name] = of[key]
            del of[key]
    return value


def _is_text_or_number(value: Any) -> bool:
    return isinstance(value, str | int | Decimal) and not isinstance(value, bool)


def _spelled(value: Any) -> str:
    """Return a text, or a number without an exponent if it has few digits: money has none."""
    return f"{value:f}" if isinstance(value, Decimal) and abs(value.adjusted()) <= 40 else str(value)


def _cast(value: Any, to: str) -> Any:
    if not isinstance(value, bool) and not _is_text_or_number(value):
        raise NotRepaired(f"a cast to {to} of what is no single value")
    text = str(value).lower() if isinstance(value, bool) else _spelled(value).strip()
    if to == "string":
        return text
    if to == "boolean":
        if text.lower() not in ("true", "false"):
            raise NotRepaired("a cast to boolean of what is neither true nor false")
        return text.lower() == "true"
    if not _NUMBER.fullmatch(text):
        raise NotRepaired(f"a cast to {to} of what is no number")
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise NotRepaired(f"a cast to {to} of what is no number in reach") from None
    if number.adjusted() > 40:
        raise NotRepaired(f"a cast to {to} of what is no number in reach")
    if to == "integer":
        if number != number.to_integral_value():
            raise NotRepaired("a cast to integer of what has a fraction")
        return int(number)
    return number
