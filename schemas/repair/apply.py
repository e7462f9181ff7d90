"""Repair dead letters by rules: the payload's JSON is changed, and nothing else is decided here. Pure.

The result goes through the same decoder as any message. Numbers keep their digits. What a rule cannot do to a payload
(a cast of text that is no number) is a NotRepaired with a fixed text.
"""

import json
import re
from decimal import Decimal, InvalidOperation
from typing import Any

import jsonpatch
import msgspec
import yaml
from pydantic import ValidationError

from schemas.repair.json_path import holds, parse_path, places
from schemas.repair.rules import Example, Move, Rule, Rules, Step


class NotRepaired(ValueError):
    """A rule cannot be carried out on a payload; the text quotes no value."""


class RulesError(ValueError):
    """A file of rules does not parse, or a rule fails its own test."""


def load_rules(text: str) -> Rules:
    """Return the rules of a YAML text whose own tests all pass; RulesError says what is wrong, and where."""
    try:
        raw = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise RulesError(f"is not YAML{f' (line {mark.line + 1})' if mark else ''}") from None
    except (RecursionError, ValueError) as error:
        raise RulesError(f"is not YAML that can be read ({type(error).__name__})") from None
    try:
        rules = Rules.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise RulesError(f"{where}: {first['msg']}") from None
    names = [rule.name for rule in rules.rules]
    if len(set(names)) != len(names):
        raise RulesError("two rules have one name")
    for rule in rules.rules:
        for number, example in enumerate(rule.tests, 1):
            if problem := failing(rule, example):
                raise RulesError(f"rule {rule.name!r}, test {number}: {problem}")
    return rules


def failing(rule: Rule, example: Example) -> str | None:
    """Return what is wrong with a rule's test, or None."""
    try:
        made = repair(rule, _payload(example.given))
    except NotRepaired as error:
        return str(error)
    except Exception as error:  # a rule that fails on its own test must not reach a dead letter
        return f"cannot be applied ({type(error).__name__})"
    return None if _same(made, example.expect) else "the repaired payload is not the expected one"


def _payload(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else msgspec.json.encode(value)


def _same(made: bytes, expected: Any) -> bool:
    if isinstance(expected, str):
        return made == expected.encode()
    try:
        return bool(_parse(made) == _parse(msgspec.json.encode(expected)))
    except NotRepaired:
        return False


def repair(rule: Rule, payload: bytes) -> bytes:
    """Return the payload as a rule makes it; raise NotRepaired where it cannot."""
    whole = [step.replace for step in rule.repair if step.replace is not None and step.replace.path is None]
    for one in whole:
        try:
            payload = re.sub(one.pattern, one.by, payload.decode()).encode()
        except UnicodeDecodeError:
            raise NotRepaired("the payload is not UTF-8") from None
    rest = [step for step in rule.repair if step.replace is None or step.replace.path is not None]
    if not rest:
        return payload
    value = _parse(payload)
    for step in rest:
        value = _apply(step, value)
    try:
        return msgspec.json.Encoder(decimal_format="number").encode(value)
    except (UnicodeEncodeError, RecursionError, OverflowError):
        raise NotRepaired("the repaired value cannot be written as JSON") from None


def _parse(payload: bytes) -> Any:
    try:
        return json.loads(payload.decode("utf-8-sig"), parse_float=Decimal)
    except (ValueError, RecursionError, InvalidOperation):
        raise NotRepaired("the payload is not JSON") from None


def _apply(step: Step, value: Any) -> Any:
    if step.json_patch is not None:
        try:
            return jsonpatch.JsonPatch(step.json_patch).apply(value)
        except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException):
            raise NotRepaired("the JSON Patch does not apply") from None
    if step.move is not None:
        return _move(step.move, value)
    what = step.put or step.default or step.drop or step.rename or step.cast or step.replace
    assert what is not None
    assert what.path is not None
    for container, key in reversed(list(places(value, parse_path(what.path)))):  # a list shrinks from its end
        there = holds(container, key)
        if step.put is not None or (step.default is not None and (not there or container[key] is None)):
            container[key] = what.value  # type: ignore[union-attr]
        elif not there:
            continue
        elif step.drop is not None:
            del container[key]
        elif step.rename is not None and isinstance(container, dict):
            container[step.rename.to] = container.pop(key)
        elif step.cast is not None:
            container[key] = _cast(container[key], step.cast.to)
        elif step.replace is not None and isinstance(container[key], str | int | Decimal):
            container[key] = re.sub(step.replace.pattern, step.replace.by, str(container[key]))
    return value


def _move(move: Move, value: Any) -> Any:
    found = [place for place in places(value, parse_path(move.path)) if holds(*place)]
    to = list(places(value, parse_path(move.to)))
    if len(found) == 1 and len(to) == 1:
        (of, key), (into, name) = found[0], to[0]
        moved = of[key]
        del of[key]
        into[name] = moved
    return value


def _cast(value: Any, to: str) -> Any:
    text = str(value).strip() if not isinstance(value, bool) else str(value).lower()
    if isinstance(value, dict | list) or value is None:
        raise NotRepaired(f"a cast to {to} of what is no single value")
    if to == "string":
        return text
    if to == "boolean":
        if text.lower() not in ("true", "false"):
            raise NotRepaired("a cast to boolean of what is neither true nor false")
        return text.lower() == "true"
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise NotRepaired(f"a cast to {to} of what is no number") from None
    if not number.is_finite() or number.adjusted() > 40:
        raise NotRepaired(f"a cast to {to} of what is no number in reach")
    if to == "integer":
        if number != number.to_integral_value():
            raise NotRepaired("a cast to integer of what has a fraction")
        return int(number)
    return number


def mask(payload: bytes, keep: int = 2_000) -> str:
    """Return a payload with its structure, keys and JSON types, in which letters of values are x and digits are 0.

    Args:
        keep: longest text; what is over it is cut off.
    """
    try:
        value = json.loads(payload.decode("utf-8-sig"), parse_float=_Number, parse_int=_Number)
        text = _masked(value)
    except (ValueError, RecursionError):
        return f"({len(payload)} bytes that are not JSON)"
    return text if len(text) <= keep else text[: keep - 1] + "…"


class _Number(str):
    """A number as it is spelled: it is shown without quotes."""

    __slots__ = ()


def _masked(value: Any) -> str:
    if isinstance(value, dict):
        items = (f"{json.dumps(key, ensure_ascii=False)}: {_masked(item)}" for key, item in value.items())
        return f"{{{', '.join(items)}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_masked, value))}]"
    if isinstance(value, _Number):
        return "".join("0" if char.isdigit() else char for char in value)
    if isinstance(value, str):
        value = "".join("0" if char.isdigit() else "x" if char.isalpha() else char for char in value)
    return json.dumps(value, ensure_ascii=False)
