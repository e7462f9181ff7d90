"""A target of a folder, opened: its warehouse is started once, and what is none is the user's mistake."""

import pytest

from pipelines.bigquery_emulator.faults.script import FaultScript
from pipelines.errors import UserError
from pipelines.stores.open_stores import open_stores
from pipelines.stores.target import Target


def test_a_folder_without_a_warehouse_is_rejected_and_stays_empty(tmp_path):
    with (
        pytest.raises(UserError, match=f"--output {tmp_path}: there is no warehouse.duckdb"),
        open_stores(Target.local(tmp_path)),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_second_target_of_the_same_folder_connects_to_the_first(tmp_path):
    with open_stores(Target.local(tmp_path), create=True) as first, open_stores(Target.local(tmp_path)) as second:
        assert (second.write_endpoint, second.rest_url) == (first.write_endpoint, first.rest_url)
        with (
            pytest.raises(UserError, match="pass the faults to that process"),
            open_stores(Target.local(tmp_path), faults=FaultScript()),
        ):
            pass
    assert (tmp_path / "warehouse.duckdb").is_file()


def test_a_file_that_is_not_a_warehouse_is_a_users_mistake(tmp_path):
    (tmp_path / "warehouse.duckdb").write_text("no database")
    with pytest.raises(UserError, match=f"--output {tmp_path}"), open_stores(Target.local(tmp_path)):
        pass
