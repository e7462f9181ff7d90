"""The settings of a store: recorded by the first run, compared by every other command, changed by one of their own."""

import json
from pathlib import Path

import pytest

from pipelines.stores.open_stores import open_stores
from pipelines.stores.provision.provision import provision
from pipelines.stores.settings import SettingsDiffer, check_settings, provision_agreed, read_settings
from pipelines.stores.target import Target
from tests.support.command import run_command
from tests.support.runs import query
from tests.support.stores import ALL_TIME, knowledge

ROWS = "select window_seconds, dedup_horizon_seconds, schema_version, run_id from event_store.settings order by 1"


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("settings") / "in"
    assert run_command("simulate", "--output", folder, "--events", 300)[0] == 0
    return folder


@pytest.fixture(scope="module")
def store(source, tmp_path_factory) -> Path:
    output = tmp_path_factory.mktemp("store") / "out"
    words = ("--input", source, "--output", output, "--window_seconds", "300", "--run_id", "first")
    code, _, err = run_command("local", *words)
    assert code == 0, err
    return output


def test_the_first_run_records_the_settings_and_the_command_shows_them(store):
    [(window, horizon, version, run_id)] = query(store, ROWS)
    assert (window, horizon, run_id) == (300, 0, "first")
    code, out, _ = run_command("settings", "--output", store)
    assert code == 0
    shown = dict(line.split() for line in out.splitlines())
    assert shown == {
        "window_seconds": "300",
        "dedup_horizon_seconds": "0",
        "schema_version": version,
        "pii_key_version": "-",
    }


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["local", "--append", "--input", "SOURCE"], id="append"),
        pytest.param(["replay", "--mode", "backfill", *ALL_TIME], id="backfill"),
        pytest.param(["replay", "--mode", "rebuild", "--source", "events", *ALL_TIME], id="rebuild"),
        pytest.param(["redrive"], id="redrive"),
        pytest.param(["provision", "--window_seconds", "60"], id="provision"),
    ],
)
def test_a_command_with_another_window_is_rejected_and_changes_nothing(words, source, store):
    known, summary = knowledge(store), json.loads((store / "summary.json").read_text())
    words = [str(source) if word == "SOURCE" else word for word in words]
    code, _, err = run_command(*words, "--output", store)
    assert code == 2
    assert "--window_seconds 60: " in err
    assert "has window_seconds 300" in err
    assert f"settings --output {store} --set window_seconds=60" in err
    assert "Traceback" not in err
    assert knowledge(store) == known
    assert json.loads((store / "summary.json").read_text()) == summary
    assert query(store, "select distinct state from event_store.run_states") == [("DONE",)]


def test_a_shadow_may_have_another_window_and_leaves_the_view_of_the_store(store):
    counts = query(store, "select * from analytics.event_counts_current order by all")
    words = ("replay", "--output", store, "--mode", "shadow", "--into", "wide", "--window_seconds", "600", *ALL_TIME)
    code, _, err = run_command(*words)
    assert code == 0, err
    assert query(store, "select * from analytics.event_counts_current order by all") == counts
    assert [row[0] for row in query(store, ROWS)] == [300]


def test_provision_without_the_option_keeps_the_window_of_the_store(store):
    counts = query(store, "select * from analytics.event_counts_current order by all")
    assert run_command("provision", "--output", store)[0] == 0
    assert query(store, "select * from analytics.event_counts_current order by all") == counts


def test_a_change_of_the_window_is_recorded_and_the_next_run_follows_it(source, tmp_path):
    store = tmp_path / "out"
    assert run_command("local", "--input", source, "--output", store)[0] == 0
    code, out, err = run_command("settings", "--output", store, "--set", "window_seconds=300")
    assert code == 0, err
    assert "window_seconds         300" in out
    widths = "select distinct date_diff('second', window_start, window_end) from analytics.event_counts_current"
    assert query(store, widths) == [(300,)]
    assert [row[0] for row in query(store, ROWS)] == [60, 300]
    [(command, state)] = query(store, "select command, state from event_store.run_states where command = 'settings'")
    assert (command, state) == ("settings", "DONE")
    words = ("replay", "--output", store, "--mode", "backfill", *ALL_TIME)
    assert run_command(*words)[0] == 2
    code, _, err = run_command(*words, "--window_seconds", "300")
    assert code == 0, err


@pytest.mark.parametrize(
    "given", ["window_seconds=7", "window_seconds=0", "window_seconds=x", "window_seconds", "schema_version=2", "=1"]
)
def test_a_setting_that_cannot_be_is_rejected(given, store):
    code, _, err = run_command("settings", "--output", store, "--set", given)
    assert code == 2
    assert f"--set {given}: " in err
    assert len(query(store, ROWS)) == 1


def test_a_store_of_an_earlier_version_gets_the_window_of_its_view(tmp_path):
    target = Target.local(tmp_path)
    with open_stores(target, create=True) as endpoints:
        provision(endpoints, target, window_seconds=300)
        with pytest.raises(SettingsDiffer, match="window_seconds 300"):
            provision_agreed(endpoints, target, run_id="next", window_seconds=60)
        endpoints.bigquery.delete_table(target.table("event_store", "settings"))
        with pytest.raises(SettingsDiffer, match="window_seconds 300"):
            provision_agreed(endpoints, target, run_id="next", window_seconds=60)
        provision_agreed(endpoints, target, run_id="next", window_seconds=300)
    assert [row[0] for row in query(tmp_path, ROWS)] == [300]


def test_the_first_streaming_run_records_its_horizon_and_another_horizon_is_rejected(tmp_path):
    target = Target.local(tmp_path)
    with open_stores(target, create=True) as endpoints:
        provision_agreed(endpoints, target, run_id="batch", window_seconds=60)
        provision_agreed(endpoints, target, run_id="stream", window_seconds=60, dedup_horizon_seconds=3600)
        provision_agreed(endpoints, target, run_id="batch-2", window_seconds=60)
        provision_agreed(endpoints, target, run_id="stream-2", window_seconds=60, dedup_horizon_seconds=3600)
        stored = read_settings(endpoints.bigquery, target)
        with pytest.raises(SettingsDiffer, match=r"--dedup_horizon 600: .* has dedup_horizon_seconds 3600"):
            check_settings(endpoints.bigquery, target, dedup_horizon_seconds=600)
    assert stored is not None
    assert stored.dedup_horizon_seconds == 3600
    assert [row[3] for row in query(tmp_path, ROWS + ", changed_time")] == ["batch", "stream"]
