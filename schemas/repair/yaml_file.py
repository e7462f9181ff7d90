"""Read YAML 1.2 (core schema) as JSON values, with the line and column of every value.

PyYAML reads YAML 1.1: `NO` is false, `12:30` is 750, `2024-01-15` is a date and 1.10 loses a digit. Here `NO`, times and
dates stay text, and numbers keep their digits. Tags, keys that are no text, numbers that JSON does not have, and files that
nest deeper than 64 levels are errors. See https://yaml.org/spec/1.2.2/#103-core-schema.
"""

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import yaml

from schemas.repair.errors import RulesError

MAX_DEPTH = 64
MAX_VALUES = 100_000
"""Values of a file, each alias counted with everything it refers to."""
_CORE = "tag:yaml.org,2002:"


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, Any] = {}


for _tag, _pattern, _starts in (
    ("null", r"~|null|Null|NULL|", [*"~nN", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", [*"tTfF"]),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", [*"-+0123456789"]),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", [*"-+.0123456789"]),
    ("float", r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", [*"-+."]),
):
    _Loader.add_implicit_resolver(_CORE + _tag, re.compile(f"(?:{_pattern})$"), _starts)


class YamlFile:
    """A parsed file: `value` is its content; `place` gives the position of a part of it."""

    def __init__(self, text: str) -> None:
        """Parse the text; RulesError with line and column if it is not YAML or no JSON value."""
        try:
            for event, depth in _depths(yaml.parse(text, _Loader)):
                if depth > MAX_DEPTH:
                    raise _error(event.start_mark, f"nests deeper than {MAX_DEPTH} levels")
            self._root = yaml.compose(text, _Loader)
        except yaml.MarkedYAMLError as error:
            raise _error(error.problem_mark, f"is not YAML: {error.problem or error.context}") from None
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, int(error.position)) + 1
            raise RulesError(f"line {line}: is not YAML: a character that YAML does not allow") from None
        self._left = MAX_VALUES
        self.value: Any = None if self._root is None else self._value(self._root, 0)

    def place(self, keys: Sequence[object]) -> str:
        """Return `line L, column C: ` of the value at a path of keys and indexes, or of the deepest part that exists."""
        node = self._root
        if node is None:
            return ""
        for key in keys:
            below = _child(node, key)
            if below is None:
                break
            node = below
        return _position(node.start_mark)

    def _value(self, node: yaml.Node, depth: int) -> Any:
        self._left -= 1
        if depth > MAX_DEPTH or self._left < 0:
            raise _error(node.start_mark, "aliases make the file too deep or too large")
        kind = node.tag.removeprefix(_CORE)
        if isinstance(node, yaml.MappingNode) and kind == "map":
            return self._mapping(node, depth)
        if isinstance(node, yaml.SequenceNode) and kind == "seq":
            return [self._value(item, depth + 1) for item in node.value]
        if isinstance(node, yaml.ScalarNode) and kind in _SCALARS:
            try:
                return _SCALARS[kind](node.value)
            except (ValueError, ArithmeticError):
                raise _error(node.start_mark, f"a number that JSON does not have ({node.value[:20]})") from None
        raise _error(node.start_mark, f"the tag {node.tag} is not supported")

    def _mapping(self, node: yaml.MappingNode, depth: int) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key, item in node.value:
            name = self._value(key, depth + 1)
            if not isinstance(name, str):
                raise _error(key.start_mark, "a key must be text; put it in quotes")
            if name in made:
                raise _error(key.start_mark, f"the key {name!r} is there twice")
            made[name] = self._value(item, depth + 1)
        return made


def _integer(text: str) -> int:
    return int(text, 8 if text.startswith("0o") else 16 if text.startswith("0x") else 10)


def _number(text: str) -> Decimal:
    if text[-1].isalpha():
        raise ValueError("infinity, or not a number")
    return Decimal(text)


_SCALARS: dict[str, Any] = {
    "str": str,
    "null": lambda _text: None,
    "bool": lambda text: text.lower() == "true",
    "int": _integer,
    "float": _number,
}


def _depths(events: Iterator[yaml.Event]) -> Iterator[tuple[yaml.Event, int]]:
    depth = 0
    for event in events:
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        yield event, depth


def _child(node: yaml.Node, key: object) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        return next((item for name, item in node.value if name.value == key), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        item: yaml.Node = node.value[key]
        return item
    return None


def _position(mark: Any) -> str:
    return "" if mark is None else f"line {mark.line + 1}, column {mark.column + 1}: "


def _error(mark: Any, problem: str) -> RulesError:
    return RulesError(f"{_position(mark)}{problem}")
