"""A payload as JSON: syntax, numbers, keys, characters, and which fault names the code."""

import json
from decimal import Decimal

import pytest

from schemas.decode.json_object import inspect_object, parse_object
from schemas.outcomes import Code, Rejected, Stage
from tests.support.payloads import code_of, inspected


@pytest.mark.parametrize(
    "text",
    [
        "{", "}", "{]", "[1,]", '{"a":1,}', '{"a" 1}', "{'a':1}", '{a:1}', '{"a":1}x', '{"a":1} {"a":1}', '{"a":01}',
        '{"a":+1}', '{"a":.5}', '{"a":1.}', '{"a":1e}', '{"a":0x1}', '{"a":-}', '{"a":1_0}', '{"a":\u0661}',
        '{"a":tru}',
        '{"a":True}', '{"a":nan}', '{"a":"\t"}', '{"a":"\\x41"}', '{"a":"\\u12g4"}', '{"a":"\\u 123"}', '{"a":"',
        '{"a":"\\', '// x\n{}', '{"a":1}/**/', '<html/>', '\ufeff\ufeff{}', '{"a":\ufeff1}', '{"a":\u00a01}',
        "\u2028{}",
    ],
    ids=repr,
)  # fmt: skip
def test_what_is_not_json_is_not_json(text):
    assert parse_object(text.encode()) is None
    assert code_of(text.encode()) is Code.JSON_SYNTAX


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("NaN", Code.JSON_NUMBER),
        ("Infinity", Code.JSON_NUMBER),
        ("-Infinity", Code.JSON_NUMBER),
        ("1e400", Code.JSON_NUMBER),
        ("-1e309", Code.JSON_NUMBER),
        ("1e9999999", Code.JSON_NUMBER),
        ("1e99999999999999999999", Code.JSON_NUMBER),
        ("1.7976931348623159e308", Code.JSON_NUMBER),
        ("9" * 5000, Code.JSON_NUMBER),
        ("9" * 401, Code.JSON_NUMBER),
        ("-NaN", Code.JSON_SYNTAX),
        ("+Infinity", Code.JSON_SYNTAX),
    ],
    ids=lambda value: value[:12],
)
def test_numbers_that_are_not_finite(number, code):
    data = f'{{"x":{number}}}'.encode()
    assert code_of(data) is code
    assert code_of(f"[{number}]".encode()) is code


@pytest.mark.parametrize(
    "number", ["1.7976931348623157e308", "-0.0", "1e-400", "1e-9999999", "0e400", "0." + "3" * 5000]
)
def test_numbers_that_are_finite_keep_their_text(number):
    data = f'{{"x":{number}}}'.encode()
    assert inspected(data) == parse_object(data) == {"x": Decimal(number)}


@pytest.mark.parametrize(
    "text",
    ['{"a":1,"a":1}', '{"a":1,"\\u0061":2}', '{"x":{"a":1,"a":2}}', '{"x":[{"":0,"":0}]}', '{"a":1,"b":2,"a":3}'],
)
def test_a_duplicate_key(text):
    assert parse_object(text.encode()) is None
    assert code_of(text.encode()) is Code.JSON_DUPLICATE_KEY


def test_no_value_of_a_duplicate_key_is_used():
    with pytest.raises(Rejected) as rejected:
        inspected(b'{"a":1,"b":2,"a":3}')
    assert rejected.value.value == {"b": 2}


@pytest.mark.parametrize(
    "text",
    ['{"a":"\\ud800"}', '{"a":"\\udc00\\ud800"}', '{"\\udfff":1}', '{"a":["\\ud83d "]}', '["\\ud800"]', '"\\ud800"'],
)
def test_half_a_surrogate_pair_is_not_text(text):
    assert parse_object(text.encode()) is None
    assert code_of(text.encode()) is Code.STRING_CONTENT


def test_a_surrogate_pair_is_one_character():
    assert inspected(b'{"a":"\\ud83d\\ude80"}') == parse_object(b'{"a":"\\ud83d\\ude80"}') == {"a": "🚀"}
    assert inspected('{"a":"\\\\ud800 é"}'.encode()) == {"a": "\\ud800 é"}


@pytest.mark.parametrize("text", ["[]", "null", "1", "-0.5", '"{}"', "true", "[{}]", "\ufeff[]", " 1 "])
def test_a_top_level_that_is_no_object(text):
    assert parse_object(text.encode()) is None
    assert code_of(text.encode()) is Code.NOT_OBJECT


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('{"a":NaN,"a":1', Code.JSON_SYNTAX),
        ('{"a":NaN,"b":1,"b":1}', Code.JSON_NUMBER),
        ('{"a":"\\ud800","b":1,"b":1}', Code.JSON_DUPLICATE_KEY),
        ('["\\ud800"]', Code.STRING_CONTENT),
        ("[NaN]", Code.JSON_NUMBER),
    ],
)
def test_of_several_faults_the_first_in_the_order_names_the_code(text, code):
    assert code_of(text.encode()) is code


def test_what_the_caller_sees_counts_by_the_same_order():
    with pytest.raises(Rejected) as rejected:
        inspect_object(b'{"a":"\\ud800","b":2}', lambda value: [Code.KEY_COLLISION])
    assert (rejected.value.stage, rejected.value.code) == (Stage.JSON, Code.KEY_COLLISION)


@pytest.mark.parametrize(
    "text",
    ['{"a":1}', ' \n{"a":1}\t', '\ufeff{"a":1}', json.dumps({"a": 1}, indent=4)],
    ids=["plain", "white space", "BOM", "pretty"],
)
def test_unusual_values_are_still_read(text):
    assert inspected(text.encode()) == {"a": 1}
