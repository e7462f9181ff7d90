"""`replay` on small stores: what was lost comes back, nothing comes twice, and a replay changes nothing that was right."""

import json
import shutil
from pathlib import Path

import duckdb
import pytest

from pipelines.stores.open_stores import open_stores
from pipelines.stores.target import Target
from tests.support.command import run_command
from tests.support.replay_runs import NEW, finished_run, replay, run_records, untouched
from tests.support.runs import query
from tests.support.stores import ALL_TIME, doubles, knowledge, lose


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    return finished_run(tmp_path_factory.mktemp("finished"))


@pytest.fixture
def store(finished, tmp_path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "out"))


@pytest.fixture(scope="module")
def known(finished) -> dict:
    return knowledge(finished)


def test_backfill_brings_back_what_a_kill_took(store, known):
    lost = lose(store, "publish_time >= '2026-01-01T10:00:00Z'")
    assert lost > 100
    assert f"appended {lost:,}" in replay(store, "--mode", "backfill", *ALL_TIME)
    found = knowledge(store)
    whole = (
        "event_counts",
        "order_sagas",
        "saga_alerts",
        "features",
        "analytics.order_saga_current",
    )  # lost as a whole
    assert {name: rows for name, rows in found.items() if name not in whole} == {
        name: rows for name, rows in known.items() if name not in whole
    }
    assert not any(doubles(store).values())
    replay(store, "--mode", "rebuild", *ALL_TIME)
    assert knowledge(store) == known


def test_backfill_recomputes_the_windows_and_sagas_it_touches(store, known):
    lost = lose(store, "publish_time >= '2026-01-01T10:00:00Z' and publish_time < '2026-01-01T12:00:00Z'")
    replay(store, "--mode", "rebuild", "--source", "events", *ALL_TIME)  # what is left, as if no more had come
    assert knowledge(store) != known
    out = replay(store, "--mode", "backfill", "--from", "2026-01-01T10:00:00Z", "--to", "2026-01-01T12:00:00Z")
    assert f"appended {lost:,}" in out
    assert knowledge(store) == known
    assert not any(doubles(store).values())


@pytest.mark.parametrize(
    ("mode", "source"),
    [
        pytest.param("backfill", "archive", id="backfill"),
        pytest.param("rebuild", "archive", id="rebuild"),
        pytest.param("backfill", "events", id="backfill from the store", marks=pytest.mark.slow),
        pytest.param("rebuild", "events", id="rebuild from the store", marks=pytest.mark.slow),
    ],
)
def test_three_times_the_same_range_change_no_view(store, known, mode, source):
    for _ in range(3):
        replay(store, "--mode", mode, "--source", source, *NEW)
    assert knowledge(store) == known
    assert not any(doubles(store).values())
    assert [state for _, state in run_records(store)] == ["DONE"] * 3
    assert untouched(store) == []


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["--topics", "orders", "inventory"], id="topics", marks=pytest.mark.slow),
        pytest.param(["--event_types", "iot.telemetry", "payment.processed"], id="event types"),
        pytest.param(["--by", "event_time"], id="event time", marks=pytest.mark.slow),
        pytest.param(["--by", "event_time", "--source", "events"], id="event time from the store"),
        pytest.param(["--entity", "ORDER"], id="one order", marks=pytest.mark.slow),
    ],
)
def test_a_part_of_a_range_rebuilt_changes_nothing(store, known, words):
    [(order,)] = query(
        store,
        "select min(order_id) from analytics.order_events"
        " where publish_time between '2026-01-01T07:00:00Z' and '2026-01-01T09:00:00Z'",
    )
    out = replay(store, "--mode", "rebuild", *NEW, *(order if word == "ORDER" else word for word in words))
    assert "done" in out
    assert knowledge(store) == known


def test_rebuild_supersedes_what_is_wrong(store, known):
    with duckdb.connect(str(store / "warehouse.duckdb")) as connection:
        connection.execute("update analytics.order_events set status = 'WRONG'")
        connection.execute("update analytics.event_counts set events = events + 1")
        connection.execute("update analytics.order_sagas set state = 'RELEASED'")
        connection.execute(
            "insert into analytics.order_events select * replace ('ffffffff-0000-4000-8000-000000000000' as event_id)"
            " from analytics.order_events limit 1"
        )
    for path in (store / "lake" / "ml" / "iot_features").rglob("*.parquet"):
        path.write_bytes(b"broken")
    replay(store, "--mode", "rebuild", *ALL_TIME)
    assert knowledge(store) == known
    assert not any(doubles(store).values())
    manifests = [json.loads(p.read_text()) for p in (store / "lake" / "ml").rglob("_manifest-000002-*.json")]
    assert manifests
    assert all("broken" not in str(manifest) and manifest["generation"] == 2 for manifest in manifests)


def test_a_shadow_is_compared_and_a_difference_is_found(store):
    replay(store, "--mode", "shadow", "--into", "beside", *ALL_TIME)
    code, out, err = run_command("compare", "--output", store, "--into", "beside")
    assert (code, out.splitlines()[-1]) == (0, "no differences"), err
    with duckdb.connect(str(store / "warehouse.duckdb")) as connection:
        [(wrong,)] = connection.execute("select max(event_id) from beside.payment_events").fetchall()
        connection.execute("update beside.payment_events set amount = amount + 1 where event_id = $1", [wrong])
        connection.execute(
            "delete from analytics.iot_telemetry where event_id = (select min(event_id) from analytics.iot_telemetry)"
        )
    code, out, _ = run_command("compare", "--output", store, "--into", "beside")
    assert code == 1
    assert f"payment_events event_id={wrong}: differs in amount" in out
    assert "iot_telemetry" in out
    assert ": only in the shadow" in out
    assert "revenue_by_day day=" in out


def test_a_shadow_is_never_laid_over_another_dataset(store):
    with open_stores(Target.local(store)) as endpoints:
        endpoints.bigquery.create_dataset("mine")
    for name, part in (("analytics", "is a live dataset"), ("event", "is a live dataset"), ("mine", "is no shadow")):
        code, _, err = run_command("replay", "--output", store, "--mode", "shadow", "--into", name, *ALL_TIME)
        assert code == 2
        assert f"--into {name}: " in err
        assert part in err


def test_an_empty_range_succeeds_and_is_reported(store, known):
    out = replay(store, "--mode", "rebuild", "--period", "previous-day", "--at", "2020-01-02T00:30:00Z")
    assert "the range is empty" in out
    assert [state for _, state in run_records(store)] == ["DONE"]
    assert knowledge(store) == known


def test_a_dry_run_prints_the_estimate_and_writes_nothing(store):
    before = (store / "warehouse.duckdb").read_bytes()
    for source, unit in (("archive", "bytes of archive"), ("events", "bytes of BigQuery")):
        code, _, err = run_command(
            "replay", "--output", store, "--mode", "rebuild", "--source", source, "--dry_run", *NEW
        )
        assert code == 0, err
        assert unit in err
        assert "up to 0 messages" not in err
    assert query(store, "select count(*) from event_store.replays") == [(0,)]
    assert len((store / "warehouse.duckdb").read_bytes()) == len(before)


@pytest.mark.parametrize(
    ("words", "part"),
    [
        pytest.param(
            ["--from", "2026-01-02T00:00:00Z", "--to", "2026-01-01T00:00:00Z"], "must end after", id="backwards"
        ),
        pytest.param(
            ["--from", "2026-01-01T00:00:00Z", "--to", "2026-01-01T00:00:00Z"], "half-open", id="empty by words"
        ),
        pytest.param(["--from", "yesterday", "--to", "2026-01-01T00:00:00Z"], "--from yesterday", id="no time"),
        pytest.param(["--from", "2026-01-01T00:00:00Z"], "--to T", id="half a range"),
        pytest.param(["--period", "previous-day", *NEW], "--period previous-day", id="period and range"),
        pytest.param([*NEW, "--event_types", "order.eaten"], "order.eaten", id="event type"),
        pytest.param([*NEW, "--topics", "nope"], "nope", id="topic"),
        pytest.param([*NEW, "--into", "x"], "--into x", id="into without shadow"),
    ],
)
def test_a_bad_range_is_rejected_and_nothing_is_written(store, words, part):
    code, _, err = run_command("replay", "--output", store, "--mode", "rebuild", *words)
    assert code == 2
    assert part in err
    assert run_records(store) == []
