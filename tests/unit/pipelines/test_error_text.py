"""What is printed about a failure: one line, the traceback on request, and never a text that may quote data."""

import json

import pytest

from pipelines.error_text import HIDDEN, masked_traceback, one_line
from pipelines.errors import RunFailed, UserError

SECRET = "anna@example.com"


def raised(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as caught:
        return caught


def chained() -> BaseException:
    try:
        try:
            json.loads(f'{{"email": {SECRET}}}')
        except ValueError as error:
            raise ValueError(f"cannot decode {SECRET}") from error
    except ValueError as error:
        try:
            raise RunFailed("the run failed: table events") from error
        except RunFailed as failed:
            return failed


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (UserError("--input x: no such file"), "--input x: no such file"),
        (RunFailed("two\nlines [while running 'Decode']"), "two lines"),
        (FileNotFoundError(2, "No such file or directory", "/a/b"), "/a/b: No such file or directory"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (OSError(18, "Invalid cross-device link", "/a", None, "/b"), "/a -> /b: Invalid cross-device link"),
        (MemoryError(), "not enough memory"),
    ],
    ids=repr,
)
def test_a_known_failure_is_one_line(error, line):
    assert one_line(raised(error)) == line


def test_an_unexpected_error_is_its_type_and_a_hint_and_not_its_text():
    line = one_line(raised(ValueError(SECRET)))
    assert line == "unexpected error: ValueError; --verbose shows the traceback"


def test_a_traceback_has_every_cause_and_no_text_that_may_quote_data():
    text = masked_traceback(chained())
    assert SECRET not in text
    assert text.count("ValueError: " + HIDDEN) == 1
    assert f"json.decoder.JSONDecodeError: {HIDDEN}" in text
    assert "pipelines.errors.RunFailed: the run failed: table events" in text
    assert "test_error_text.py" in text
    assert text.index("JSONDecodeError") < text.index("RunFailed")
