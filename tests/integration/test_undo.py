"""A batch run that is published in part is undone: at once, or by the next command that writes."""

import json
import shutil
from pathlib import Path

import pytest
from google.api_core.exceptions import Forbidden
from google.cloud import bigquery

from pipelines.stores.open_stores import open_stores
from pipelines.stores.run_record import Run, recorded
from pipelines.stores.target import Target
from tests.support.command import run_command
from tests.support.fault_scripts import event_ids, lake_files, rows_by_run
from tests.support.runs import query
from transforms.sinks.bigquery.counters import APPENDED_TABLES

RUN = "20260101T000000Z-partial"
COMMIT_FAILS = [{"on": "commit", "table": "events", "status": "PERMISSION_DENIED"}]
STATE = f"select state from event_store.run_states where run_id = '{RUN}'"


@pytest.fixture(scope="module")
def stores(tmp_path_factory) -> Path:
    """A store of a first input; a second input beside it, and the store of both."""
    folder = tmp_path_factory.mktemp("undo")
    for name, seed in (("first", 31), ("second", 32)):
        words = ("--events", 80, "--seed", seed, "--dirty", 0.05)
        assert run_command("simulate", "--output", folder / name, *words)[0] == 0
    assert run_command("local", "--input", folder / "first", "--output", folder / "before")[0] == 0
    shutil.copytree(folder / "before", folder / "whole")
    assert run_command("local", "--input", folder / "second", "--output", folder / "whole", "--append")[0] == 0
    return folder


@pytest.fixture
def partial(stores, tmp_path, monkeypatch) -> Path:
    """A store to which a run was appended whose last commit failed, and whose undo BigQuery rejected."""
    output = Path(shutil.copytree(stores / "before", tmp_path / "out"))
    (tmp_path / "faults.json").write_text(json.dumps({"faults": COMMIT_FAILS}))
    words = ("--append", "--run_id", RUN, "--faults", tmp_path / "faults.json", "--sink_retry_budget", 0)
    answer = bigquery.Client.query

    def reject_deletes(self, sql, *args, **options):
        if sql.startswith("DELETE"):
            raise Forbidden("no")
        return answer(self, sql, *args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(bigquery.Client, "query", reject_deletes)
        code, _, err = run_command("local", "--input", stores / "second", "--output", output, *words)
    assert code == 1
    assert f"rows of run {RUN} may be left in the tables" in err
    assert "the next command that writes deletes them" in err
    assert query(output, STATE) == [("RUNNING",)]
    assert rows_by_run(output) != rows_by_run(stores / "before")
    return output


def test_an_undo_that_bigquery_rejected_is_finished_by_the_next_writer(stores, partial):
    code, _, err = run_command("redrive", "--output", partial, "--codes", "SINK_EXHAUSTED")
    assert code == 0, err
    assert query(partial, STATE) == [("FAILED",)]
    assert rows_by_run(partial) == rows_by_run(stores / "before")
    assert lake_files(partial) == lake_files(stores / "before")
    code, _, err = run_command("local", "--input", stores / "second", "--output", partial, "--append")
    assert code == 0, err
    assert event_ids(partial) == event_ids(stores / "whole")


def publish_in_part(client: bigquery.Client, target: Target, *, whole: bool) -> None:
    """Add a row of the run to each table, to `events` only if it is published as a whole, and die."""
    with recorded(client, target, Run(run_id=RUN, command="local", started=0)):
        for table in APPENDED_TABLES:
            dataset = "event_store" if table in ("events", "dead_letters") else "analytics"
            if table != "events" or whole:
                name = target.table(dataset, table)
                client.query(f"INSERT INTO `{name}` SELECT * REPLACE('{RUN}' AS run_id) FROM `{name}` LIMIT 1").result()
        raise KeyboardInterrupt  # as a kill, it leaves the record RUNNING


@pytest.mark.parametrize("whole", [False, True], ids=["half published", "published as a whole"])
def test_a_killed_run_is_undone_unless_its_event_store_is_published(stores, tmp_path, whole):
    output = Path(shutil.copytree(stores / "before", tmp_path / "out"))
    target = Target.local(output)
    with open_stores(target) as endpoints, pytest.raises(KeyboardInterrupt):
        publish_in_part(endpoints.bigquery, target, whole=whole)
    assert query(output, STATE) == [("RUNNING",)]
    rows = rows_by_run(output)
    code, _, err = run_command("replay", "--output", output, "--mode", "backfill", "--from", "2020-01-01T00:00:00Z",
                               "--to", "2020-01-02T00:00:00Z")  # fmt: skip
    assert code == 0, err
    assert query(output, STATE) == [("FAILED",)]
    assert rows_by_run(output) == (rows if whole else rows_by_run(stores / "before"))


def test_a_load_job_that_is_rejected_fails_the_run_and_leaves_the_stores_as_before(stores, tmp_path):
    output = Path(shutil.copytree(stores / "before", tmp_path / "out"))
    faults = [{"on": "load", "table": "order_events", "status": 400}]
    (tmp_path / "faults.json").write_text(json.dumps({"faults": faults}))
    words = ("--append", "--run_id", RUN, "--faults", tmp_path / "faults.json", "--bigquery_method", "FILE_LOADS")
    code, _, err = run_command("local", "--input", stores / "second", "--output", output, *words)
    assert code == 1
    assert "no row and no file of the run is left" in err
    assert "Traceback" not in err
    assert query(output, STATE) == [("FAILED",)]
    assert rows_by_run(output) == rows_by_run(stores / "before")
    assert lake_files(output) == lake_files(stores / "before")
