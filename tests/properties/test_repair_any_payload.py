"""A repair keeps every digit that no step names, and what is shown of a payload holds no letter and no digit of it."""

import json

from hypothesis import given
from hypothesis import strategies as st

from schemas.repair.apply import mask, repair
from schemas.repair.rules import Rule

DROP_NOTHING = Rule.model_validate(
    {
        "name": "r",
        "match": {},
        "repair": [{"drop": {"path": "nothing"}}],
        "tests": [{"given": {}, "expect": {}}],
    }
)
numbers = st.integers() | st.decimals(
    allow_nan=False, allow_infinity=False, places=9, min_value=-(10**20), max_value=10**20
).map(str)


@given(values=st.dictionaries(st.text("abc", min_size=1), numbers, max_size=5))
def test_numbers_that_no_step_names_keep_their_digits(values):
    text = "{" + ",".join(f'"{key}":{value}' for key, value in values.items()) + "}"
    assert repair(DROP_NOTHING, text.encode()).decode() == text


@given(st.text())
def test_a_mask_shows_no_letter_and_no_digit_of_a_value(text):
    shown = json.loads(mask(json.dumps({"key": text}).encode(), keep=10**9))["key"]
    assert not any(char.isalpha() and char != "x" for char in shown)
    assert not any(char.isdigit() and char != "0" for char in shown)
