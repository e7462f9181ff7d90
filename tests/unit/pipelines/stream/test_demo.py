"""The demo starts with an empty folder, and deletes nothing but an earlier demo."""

import pytest

from pipelines.errors import UserError
from pipelines.stream.demo import MARKER, empty_folder


def test_an_earlier_demo_is_deleted(tmp_path):
    output = tmp_path / "demo"
    empty_folder(output)
    (output / "lake").mkdir()
    (output / "lake" / "file").write_text("old")
    (output / "warehouse.duckdb").write_text("old")
    empty_folder(output)
    assert [path.name for path in output.iterdir()] == [MARKER]


def test_a_folder_with_anything_else_is_rejected_and_kept(tmp_path):
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(UserError, match="holds no earlier demo"):
        empty_folder(tmp_path)
    assert (tmp_path / "mine").read_text() == "mine"


def test_a_file_in_place_of_the_folder_is_rejected(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UserError, match="is a file"):
        empty_folder(tmp_path / "file")
