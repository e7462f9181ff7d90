"""Whatever command writes next finishes what a killed one left: files of a publish, rows of a streaming run, records."""

import contextlib
import json
import shutil
from pathlib import Path

import pytest

from pipelines.replay import engine
from pipelines.replay.crash_recovery import open_segments
from pipelines.stores.open_stores import open_stores
from pipelines.stores.target import Target
from pipelines.stream.run_record import StreamRecord
from schemas.message import Message
from schemas.timestamps import SECOND_US
from tests.support.command import run_command
from tests.support.replay_runs import untouched
from tests.support.runs import query
from tests.support.saga_events import arrivals, generated_orders, messages_of
from tests.support.stores import ALL_TIME, doubles, knowledge, lose
from transforms.archive.segments import Segments, open_archive

pytestmark = pytest.mark.full  # minutes of CPU: CI runs them, `make test` does not

STARTED = 1_781_600_000 * SECOND_US
OTHER = {"eventId": "7b0d3a5e-0000-4000-8000-000000000001", "eventType": "customer.registered",
 "eventTime": "2026-01-02T10:30:00Z", "source": "customer-service", "data": {"customerId": "C-other"},
 "metadata": {"correlationId": "7b0d3a5e-0000-4000-8000-000000000002"}}  # fmt: skip
STREAMED = ("orders", "inventory")


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    code, _, err = run_command("simulate", "--output", folder / "in", "--events", 200, "--seed", 11, "--dirty", 0.05)
    assert code == 0, err
    code, _, err = run_command("local", "--input", folder / "in", "--output", folder / "out")
    assert code == 0, err
    return folder


@pytest.fixture
def store(finished, tmp_path) -> Path:
    return Path(shutil.copytree(finished / "out", tmp_path / "out"))


@pytest.fixture(scope="module")
def messages() -> list[Message]:
    return [message for message in messages_of(arrivals(generated_orders(20, seed=71))) if message.topic in STREAMED]


def write_again(command: str, store: Path, folder: Path) -> str:
    """Run a command that writes, and that has nothing to do with what was killed; return what it printed."""
    (folder / "other.jsonl").write_text(json.dumps(OTHER) + "\n")
    words = {
        "append": ("local", "--append", "--input", folder / "other.jsonl"),
        "backfill": ("replay", "--mode", "backfill", "--from", "2020-01-01T00:00:00Z", "--to", "2020-01-02T00:00:00Z"),
        "rebuild": ("replay", "--mode", "rebuild", *ALL_TIME),
        "redrive": ("redrive", "--codes", "SINK_EXHAUSTED"),
    }[command]
    code, out, err = run_command(*words, "--output", store)
    assert code == 0, err
    return out


def kill_between_rows_and_files(store: Path, monkeypatch) -> None:
    def kill(*_: object) -> None:
        raise MemoryError  # ends the process's work without any of its cleaning up of files

    with monkeypatch.context() as patch:
        patch.setattr(engine, "publish_staged", kill)
        with contextlib.suppress(MemoryError):
            run_command("replay", "--output", store, "--mode", "rebuild", *ALL_TIME)


@pytest.mark.parametrize("command", ["append", "redrive"])
def test_a_publish_that_was_killed_before_its_files_is_finished_by_any_next_writer(
    command, finished, store, monkeypatch
):
    known = knowledge(store)["features"]
    lose(store, "publish_time >= '2026-01-01T10:00:00Z'")
    kill_between_rows_and_files(store, monkeypatch)
    assert untouched(store) != []
    write_again(command, store, finished)
    assert untouched(store) == []
    assert knowledge(store)["features"] == known


def kill_stream(store: Path, messages: list[Message]) -> None:
    """Leave a store as a streaming run does that is killed after it archived messages and before it stored them."""
    target = Target.local(store)
    with open_stores(target) as endpoints:
        record = StreamRecord(
            endpoints.bigquery, target, run_id="killed", started=STARTED, version="test",
            oldest=lambda: STARTED, lag_seconds=0.0,
        )  # fmt: skip
        with record:
            for topic in STREAMED:
                segments = Segments(target.lake, f"archive/{topic}", "killed")
                segments.append(message for message in messages if message.topic == topic)
                segments._owner.close()  # its lock dies with the process
                open_archive(target.lake, topic, "killed").close()
    assert open_segments(target.lake) == []


@pytest.mark.parametrize("command", ["append", "backfill", "rebuild", "redrive"])
def test_messages_of_a_streaming_run_that_was_killed_are_stored_by_any_next_writer(command, finished, store, messages):
    count = "select count(distinct event_id) from event_store.events"
    [(before,)] = query(store, count)
    [(sagas,)] = query(store, "select count(distinct order_id) from analytics.order_sagas")
    kill_stream(store, messages)
    out = write_again(command, store, finished)
    assert query(store, count) == [(before + len(messages) + (command == "append"),)]
    assert not any(doubles(store).values())
    assert "the last run was killed" in out
    assert query(store, "select count(distinct order_id) from analytics.order_sagas") == [(sagas + 20,)]
    assert query(store, "select state from event_store.run_states where run_id = 'killed'") == [("FAILED",)]
    assert "the last run was killed" not in write_again("backfill", store, finished)


@pytest.mark.parametrize("command", ["backfill", "redrive"])
def test_the_record_of_a_batch_run_that_was_killed_is_closed_by_a_replay_or_redrive(command, finished, store):
    target = Target.local(store)
    with open_stores(target) as endpoints:
        columns = "run_id, recorded_time, state, command, started_time"
        values = "'gone', CURRENT_TIMESTAMP(), 'RUNNING', 'local', CURRENT_TIMESTAMP()"
        sql = f"INSERT INTO `{target.table('event_store', 'runs')}` ({columns}) VALUES ({values})"
        endpoints.bigquery.query(sql).result()
    write_again(command, store, finished)
    [(state, error)] = query(store, "select state, error from event_store.run_states where run_id = 'gone'")
    assert state == "FAILED"
    assert "its process ended before the run did" in error
