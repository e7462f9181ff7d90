"""Parsed options become frozen objects: own fields alone, lists as tuples, defaults for what a parser does not have."""

from dataclasses import FrozenInstanceError, dataclass

import pytest

from pipelines.read_options import read_options


@dataclass(frozen=True, kw_only=True)
class Options:
    mode: str
    topics: tuple[str, ...]
    update: bool = False


def test_fields_are_taken_from_the_options_of_their_names():
    options = read_options(Options, {"mode": "rebuild", "topics": ["orders"], "update": True, "other": 1})
    assert options == Options(mode="rebuild", topics=("orders",), update=True)
    with pytest.raises(FrozenInstanceError):
        options.mode = "shadow"  # type: ignore[misc]


def test_an_option_that_the_parser_does_not_have_takes_the_default():
    assert read_options(Options, {"mode": "rebuild", "topics": ()}).update is False


def test_a_field_without_a_default_must_be_an_option():
    with pytest.raises(KeyError, match="topics"):
        read_options(Options, {"mode": "rebuild"})
