"""The command validate: a file that is empty, missing or damaged is the user's mistake."""

import argparse
import gzip
import json

import pytest

from pipelines.cli.arguments import validate as arguments
from pipelines.cli.commands import validate
from pipelines.errors import UserError
from tests.support.events import make_event

GOOD = json.dumps(make_event())


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    arguments.add_arguments(parser)
    return validate.run(parser.parse_args(words))


@pytest.mark.parametrize("text", ["", "\n \n"], ids=["empty", "blank"])
def test_an_empty_file_is_the_users_mistake(tmp_path, text):
    path = tmp_path / "empty.jsonl"
    path.write_text(text)
    with pytest.raises(UserError, match=r"empty\.jsonl: the input is empty"):
        run(str(path))


def test_a_missing_file_is_the_users_mistake(tmp_path):
    with pytest.raises(UserError, match=r"FILE .*nowhere: cannot be read"):
        run(str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match="cannot be read"):
        run(str(tmp_path))


@pytest.mark.parametrize("damage", [lambda data: data[:-9], lambda data: b"{}", lambda data: data[:20] + b"\xff" * 20])
def test_a_damaged_gzip_is_the_users_mistake(tmp_path, damage):
    path = tmp_path / "events.jsonl.gz"
    path.write_bytes(damage(gzip.compress(GOOD.encode() * 50)))
    with pytest.raises(UserError, match="truncated or damaged"):
        run(str(path))


def test_a_time_that_does_not_parse_is_the_users_mistake():
    with pytest.raises(UserError, match="--as_of yesterday: not a time"):
        run("-", "--as_of", "yesterday")
