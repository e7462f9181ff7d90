"""Rule files are YAML 1.2: what looks like a word stays one, numbers keep their digits, mistakes have a line and a column."""

import json
from decimal import Decimal

import pytest

from schemas.repair.errors import RulesError
from schemas.repair.yaml_file import YamlFile


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *((word, word) for word in ("NO", "no", "Yes", "on", "OFF", "y", "2024-01-15", "12:30", "1_000", "0b1", "1e", "<<")),
        ("true", True), ("FALSE", False), ("null", None), ("~", None), ("", None),
        ("017", 17), ("0o17", 15), ("0x1F", 31), ("-3", -3), ("+3", 3),
        ("1.10", Decimal("1.10")), ("1e3", Decimal("1e3")), (".5", Decimal("0.5")),
        ("'1'", "1"), ('"no"', "no"), ("|\n  a\n  b", "a\nb"),
    ],
)  # fmt: skip
def test_scalars_are_those_of_the_core_schema(text, value):
    read = YamlFile(f"a: {text}").value["a"]
    assert (read, type(read)) == (value, type(value))
    assert str(read) == str(value)


def test_an_alias_stands_for_its_anchor():
    assert YamlFile("a: &x [1]\nb: *x").value == {"a": [1], "b": [1]}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("a: 1\nb: [", "line 2, column 5: is not YAML", id="not closed"),
        pytest.param("a: 1\na: 2", "line 2, column 1: the key 'a' is there twice", id="a key twice"),
        pytest.param("9: 8", "line 1, column 1: a key must be text; put it in quotes", id="a number as a key"),
        pytest.param("a:\n  ? [b]\n  : 1", "line 2, column 5: a key must be text", id="a list as a key"),
        pytest.param("a: !!python/name:os.system x", "line 1, column 4: the tag tag:yaml.org,2002:python", id="a tag"),
        pytest.param("a: !!binary eA==", "line 1, column 4: the tag", id="bytes"),
        pytest.param("a: .inf", "line 1, column 4: a number that JSON does not have", id="infinity"),
        pytest.param(f"a: {'9' * 5000}", "line 1, column 4: a number that JSON does not have", id="5,000 digits"),
        pytest.param(
            "a: 1e9999999999999999999", "line 1, column 4: a number that JSON does not have", id="an exponent"
        ),
        pytest.param("[" * 100_000, "line 1, column 65: nests deeper than 64 levels", id="too deep"),
        pytest.param("&a [*a]", "line 1, column 1: aliases make the file too deep or too large", id="a circle"),
        pytest.param(
            "\n".join(["a0: &a0 [x, x]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40))]),
            "aliases make the file too deep or too large",
            id="a billion laughs",
        ),
        pytest.param("a: 1\n---\nb: 2", "line 2, column 1: is not YAML", id="two documents"),
    ],
)
def test_a_mistake_has_its_line_and_column(text, problem):
    with pytest.raises(RulesError, match=problem.replace("(", r"\(").replace("[", r"\[")):
        YamlFile(text)


def test_json_is_yaml():
    value = {"a": [1, None, True, "NO", {"b": 'ü \u2028 "'}]}
    assert YamlFile(json.dumps(value)).value == value


def test_the_place_of_a_value_is_that_of_its_deepest_known_part():
    file = YamlFile("rules:\n  - name: r\n    match: {codes: [A, B]}\n")
    assert file.place(("rules", 0, "match", "codes", 1)) == "line 3, column 24: "
    assert file.place(("rules", 0, "tests", 3)) == "line 2, column 5: "
    assert file.place(("rules", 5)) == "line 2, column 3: "
    assert YamlFile("").place(("rules",)) == ""
