"""The graphs of the replay and redrive templates on Beam's own runner give the tables of the commands."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from google.cloud import secretmanager

from pipelines.dataflow.graphs import BUILDERS
from pipelines.dataflow.metadata import template_parser
from pipelines.dataflow.templates import TEMPLATES
from pipelines.errors import UserError
from pipelines.stores.open_stores import open_stores
from pipelines.stores.target import Target
from tests.support.command import run_command

KEY = b"0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def output(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("replay")
    (folder / "key").write_bytes(KEY)
    assert run_command("simulate", "--output", folder / "in", "--events", 1500, "--seed", 3, "--dirty", 0.05)[0] == 0
    words = ["--input", folder / "in", "--output", folder / "out", "--pii_key_file", folder / "key"]
    code, _, err = run_command("local", *words)
    assert code == 0, err
    return folder / "out"


@pytest.fixture
def live(output):
    with open_stores(Target.local(output)) as endpoints:
        yield endpoints.bigquery


class Secrets:
    """Secret Manager, as far as a key is asked of it."""

    def access_secret_version(self, name: str) -> SimpleNamespace:
        return SimpleNamespace(name=name, payload=SimpleNamespace(data=KEY))


@pytest.fixture(autouse=True)
def secrets(monkeypatch):
    monkeypatch.setattr(secretmanager, "SecretManagerServiceClient", Secrets)


def arguments(template: str, output: Path, *words: str) -> dict[str, Any]:
    given = ["--output", str(output), "--pii_key_secret", "projects/p/secrets/s/versions/1", *words]
    return vars(template_parser(TEMPLATES[template]).parse_args(given))


def run(template: str, output: Path, *words: str) -> None:
    pipeline = beam.Pipeline(runner=FnApiRunner())
    BUILDERS[template](pipeline, arguments(template, output, *words), "")
    pipeline.run().wait_until_finish()


RANGE = ["--from", "2000-01-01T00:00:00Z", "--to", "2100-01-01T00:00:00Z"]


def rows(client, table: str, columns: str = "*", where: str = "TRUE") -> list[str]:
    sql = f"SELECT TO_JSON_STRING(t) AS r FROM (SELECT {columns} FROM `local.{table}` WHERE {where}) AS t ORDER BY r"
    return [row.r for row in client.query(sql).result()]


def views(client) -> dict[str, list[str]]:
    names = ("order_current", "customer_current", "stock_level", "event_counts_current", "revenue_by_day")
    return {name: rows(client, f"analytics.{name}") for name in names}


@pytest.mark.parametrize("mode", ["backfill", "rebuild"])
def test_a_replay_template_changes_no_view_and_records_done(output, live, mode):
    before, events = views(live), rows(live, "event_store.events", "event_id, event_type")
    run("replay", output, "--mode", mode, *RANGE, "--run_id", f"t-{mode}")
    assert views(live) == before
    assert rows(live, "event_store.events", "event_id, event_type") == events
    last = json.loads(rows(live, "event_store.replay_runs", where=f"run_id = 't-{mode}'")[0])
    assert (last["state"], last["mode"]) == ("DONE", mode)
    assert int(last["messages"]) > 1000
    assert not [
        list_dataset.dataset_id
        for list_dataset in live.list_datasets()
        if list_dataset.dataset_id.startswith("replay_")
    ]


def test_an_empty_range_is_a_job_that_records_it(output, live):
    run(
        "replay",
        output,
        "--mode",
        "rebuild",
        "--from",
        "2001-01-01T00:00:00Z",
        "--to",
        "2001-01-02T00:00:00Z",
        "--run_id",
        "none",
    )
    last = json.loads(rows(live, "event_store.replay_runs", where="run_id = 'none'")[0])
    assert (last["state"], int(last["messages"])) == ("DONE", 0)


def test_a_shadow_is_compared_and_a_difference_fails_the_job(output, live):
    shadow = ["--mode", "shadow", "--into", "replay_check", "--compare", *RANGE]
    run("replay", output, *shadow, "--run_id", "same")
    live.query("UPDATE `local.analytics.payment_events` SET currency = 'XXX' WHERE TRUE").result()
    try:
        with pytest.raises(Exception, match="differs from the live tables"):
            run("replay", output, *shadow, "--run_id", "differs")
    finally:
        run("replay", output, "--mode", "rebuild", *RANGE, "--run_id", "mended")
    states = {row["run_id"]: row["state"] for row in map(json.loads, rows(live, "event_store.replay_runs"))}
    assert (states["same"], states["differs"]) == ("DONE", "FAILED")


def test_a_claimed_range_is_rejected_before_a_worker_starts(output, live):
    pipeline = beam.Pipeline(runner=FnApiRunner())
    args = arguments("replay", output, "--mode", "rebuild", *RANGE, "--run_id", "first")
    BUILDERS["replay"](pipeline, args, "")
    with pytest.raises(UserError, match="first"):
        BUILDERS["replay"](beam.Pipeline(), arguments("replay", output, "--mode", "rebuild", *RANGE), "")
    pipeline.run().wait_until_finish()


def test_a_redrive_template_sends_dead_letters_again(output, live):
    before = rows(live, "event_store.dead_letters", "dead_letter_id")
    run("redrive", output, "--codes", "FIELD_TYPE", "MISSING_FIELD", "--run_id", "redriven")
    outcomes = [json.loads(row) for row in rows(live, "event_store.redrives", "outcome, dead_letter_id, run_id")]
    assert outcomes
    assert {row["run_id"] for row in outcomes} == {"redriven"}
    assert set(before) <= set(rows(live, "event_store.dead_letters", "dead_letter_id"))


def test_the_key_for_personal_data_is_not_in_the_graph(output, live):
    for template, words in (("replay", ["--mode", "backfill", *RANGE, "--run_id", "graph"]), ("redrive", [])):
        pipeline = beam.Pipeline(runner=FnApiRunner())
        BUILDERS[template](pipeline, arguments(template, output, *words), "")
        graph = pipeline.to_runner_api().SerializeToString()
        assert KEY not in graph
        assert b"0123456789abcdef" not in graph
