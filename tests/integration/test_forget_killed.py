"""A killed or failed `forget` is finished by the next one, and what killed runs left is removed."""

import shutil

import pytest
from google.api_core.exceptions import GoogleAPICallError

from pipelines.cli.main import main
from pipelines.erasure.tables import Tables
from tests.support.forgotten import (
    SECRET,
    WHO,
    archived,
    finished_run,
    forget,
    nothing_is_stored,
    pending,
    records,
)
from tests.support.stored_bytes import stored_bytes


@pytest.fixture
def output(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "out")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return finished_run(tmp_path_factory.mktemp("finished"))


def test_a_rejected_statement_leaves_the_deletion_to_the_next_run(output, monkeypatch, capsys):
    def fails(self, holding):
        raise GoogleAPICallError("quota")

    with monkeypatch.context() as patch:
        patch.setattr(Tables, "delete", fails)
        assert forget(output, "--yes") == 1
    assert "the next `forget` deletes what is left" in capsys.readouterr().err
    assert records(output) == []
    [journal] = pending(output)
    assert journal.stat().st_mode & 0o777 == 0o600
    assert forget(output, "--yes") == 0
    [record] = records(output)
    assert record["complete"] is True
    assert record["rows"]["event_store.events"] == 2
    assert pending(output) == []
    assert nothing_is_stored(output, capsys)


class Killed(BaseException):
    pass


def dies(*args, **more):
    raise Killed


KILLS = {
    "before-a-file-is-deleted": "transforms.sinks.files.publish.FileSystems.delete",
    "before-rows-are-deleted": "pipelines.erasure.tables.Tables.delete",
    "before-compaction": "pipelines.erasure.forget.compact",
    "within-compaction": "pipelines.erasure.compact_warehouse.os.fsync",
    "before-the-record": "pipelines.erasure.journal.Journal.finish",
}


@pytest.mark.parametrize("who", [WHO, "CUST-999"], ids=["same-customer", "another-customer"])
@pytest.mark.parametrize("where", KILLS.values(), ids=KILLS)
def test_a_killed_run_is_finished_by_the_next(output, monkeypatch, capsys, where, who):
    before = archived(output)
    with monkeypatch.context() as patch:
        patch.setattr(where, dies)
        with pytest.raises(Killed):
            forget(output, "--yes")
    assert len(pending(output)) == 1
    capsys.readouterr()
    assert main(["forget", "--output", str(output), "--customer", who, "--yes"]) == 0
    assert "deleted; the record is" in capsys.readouterr().out
    [record] = records(output)
    assert (record["complete"], record["left"]) == (True, [])
    assert pending(output) == []
    assert archived(output) == sorted(set(before) - {"1", "2", "5", "6", "8", "9"})
    assert nothing_is_stored(output, capsys)
    everything = b"".join(stored_bytes(path) for path in sorted(output.rglob("*")) if path.is_file())
    assert SECRET.encode() not in everything
    assert not list(output.glob("warehouse.duckdb.*"))


def test_what_killed_runs_left_is_removed(output):
    hour = output / "lake" / "archive" / "customers" / "dt=2026-06-15" / "hour=12"
    left = [
        output / ".work" / "run-1" / "a.partials",
        output / "warehouse.duckdb.fresh",
        output / "warehouse.duckdb.tmp" / "duckdb_temp_storage.tmp",
        hour / ".run-1-abc.avro.tmp",
        output / "lake" / "dead_letters" / "dt=2026-06-15" / ".run-1-abc.jsonl.tmp",
    ]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(SECRET)
    assert forget(output, "--yes") == 0
    assert [path for path in left if path.exists()] == []
