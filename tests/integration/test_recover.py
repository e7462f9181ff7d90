"""What a killed streaming run had archived and not stored is stored by the next run, once, whatever kills the recovery."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.config import JobConfig
from pipelines.replay.crash_recovery import first_publish_since, open_segments, recover
from pipelines.replay.engine import Engine
from pipelines.stores.interrupted_streams import close_interrupted, interrupted_runs
from pipelines.stores.open_stores import open_stores
from pipelines.stores.provision.provision import provision
from pipelines.stores.target import Endpoints, Target
from pipelines.stream.run_record import StreamRecord
from schemas.message import Message
from schemas.timestamps import SECOND_US
from tests.support.saga_events import arrivals, generated_orders, messages_of
from transforms.archive.segments import Segments, open_archive
from transforms.table_rows import Run

STARTED = 1_781_600_000 * SECOND_US


@pytest.fixture
def messages() -> list[Message]:
    return messages_of(arrivals(generated_orders(30, seed=71)))


@pytest.fixture
def target(tmp_path: Path) -> Target:
    return Target.local(tmp_path)


@pytest.fixture
def endpoints(target: Target) -> Iterator[Endpoints]:
    with open_stores(target, create=True) as endpoints:
        provision(endpoints, target)
        yield endpoints


def job(target: Target, endpoints: Endpoints, name: str, tmp_path: Path) -> JobConfig:
    return JobConfig(
        run=Run(name, STARTED, "test"), lake=target.lake, temp=str(tmp_path / "work" / name), project=target.project,
        event_store=target.event_store, analytics=target.analytics, write_endpoint=endpoints.write_endpoint,
    )  # fmt: skip


def leave_open(lake: str, messages: list[Message]) -> None:
    """Archive messages as a run does that is killed: on disk, in open segments."""
    for topic in ("orders", "inventory"):
        segments = Segments(lake, f"archive/{topic}", "killed")
        segments.append(message for message in messages if message.topic == topic)
        segments._owner.close()  # its lock dies with the process


def stored(endpoints: Endpoints, sql: str) -> list[tuple]:
    return [row.values() for row in endpoints.bigquery.query(sql).result()]


EVENTS = "SELECT COUNT(*), COUNT(DISTINCT event_id) FROM `local.event_store.events`"
RUNS = "SELECT command, mode, state FROM `local.event_store.replay_runs` ORDER BY started_time"


def test_what_is_only_in_open_segments_is_stored_and_the_sagas_are_left_to_the_stream(
    target, endpoints, messages, tmp_path, capsys
):
    leave_open(target.lake, messages)
    assert len(open_segments(target.lake)) >= 2
    recover(endpoints, target, job(target, endpoints, "next", tmp_path), "me")
    assert stored(endpoints, EVENTS) == [(len(messages), len(messages))]
    assert stored(endpoints, "SELECT COUNT(*) FROM `local.analytics.order_sagas`") == [(0,)]
    assert stored(endpoints, RUNS) == [("stream", "backfill", "DONE")]
    assert open_segments(target.lake) == []
    assert f"{len(messages):,} events were not stored" in capsys.readouterr().out


def test_without_a_kill_nothing_is_done(target, endpoints, messages, tmp_path):
    recover(endpoints, target, job(target, endpoints, "first", tmp_path), "me")
    leave_open(target.lake, messages)
    recover(endpoints, target, job(target, endpoints, "second", tmp_path), "me")
    recover(endpoints, target, job(target, endpoints, "third", tmp_path), "me")
    assert len(stored(endpoints, RUNS)) == 1
    assert stored(endpoints, EVENTS) == [(len(messages), len(messages))]


def test_a_recovery_that_fails_is_a_warning_and_is_done_by_the_next_start(
    target, endpoints, messages, tmp_path, monkeypatch, capsys
):
    leave_open(target.lake, messages)

    class Killed(BaseException):
        pass

    def killed(self: Engine, source: object, **more: object) -> dict[str, int]:
        raise Killed

    second = job(target, endpoints, "second", tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(Engine, "run", killed)
        with pytest.raises(Killed):
            recover(endpoints, target, second, "me")
    assert open_segments(target.lake) == [], "only the run records name it now"
    recover(endpoints, target, job(target, endpoints, "third", tmp_path), "me")
    assert stored(endpoints, EVENTS) == [(len(messages), len(messages))]
    assert [state for *_, state in stored(endpoints, RUNS)] == ["FAILED", "DONE"]


def record(target: Target, endpoints: Endpoints, name: str, lag: float = 0.0) -> StreamRecord:
    return StreamRecord(
        endpoints.bigquery, target, run_id=name, started=STARTED, version="test", oldest=lambda: STARTED, lag_seconds=lag
    )  # fmt: skip


def close_open(lake: str, name: str) -> None:
    """Finish the segments as a run does after their minute: nothing open is left when it is killed later."""
    for topic in ("orders", "inventory"):
        open_archive(lake, topic, name).close()


def test_a_run_that_was_killed_long_after_its_last_segment_was_closed_is_recovered_by_its_record(
    target, endpoints, messages, tmp_path
):
    with record(target, endpoints, "killed"):
        leave_open(target.lake, messages)
        close_open(target.lake, "killed")
    assert open_segments(target.lake) == []
    [dead] = interrupted_runs(endpoints.bigquery, target)
    since = first_publish_since(target.lake, [dead.run_id], 0)
    assert since == min(message.publish_time for message in messages if message.topic in ("orders", "inventory"))
    assert recover(endpoints, target, job(target, endpoints, "next", tmp_path), "me", min(since, dead.since))
    assert stored(endpoints, EVENTS) == [(len(messages), len(messages))]
    close_interrupted(endpoints.bigquery, target, [dead], "next")
    assert interrupted_runs(endpoints.bigquery, target) == []


def test_a_run_that_ended_cleanly_is_not_recovered(target, endpoints):
    with record(target, endpoints, "clean") as clean:
        clean.done(7)
    assert interrupted_runs(endpoints.bigquery, target) == []
    states = "SELECT state, messages FROM `local.event_store.runs` ORDER BY recorded_time, state DESC"
    assert stored(endpoints, states) == [("RUNNING", None), ("DONE", 7)]


def test_files_that_were_written_before_the_last_renewal_are_not_looked_at(target, endpoints, messages):
    leave_open(target.lake, messages)
    close_open(target.lake, "killed")
    assert first_publish_since(target.lake, ["killed"], 1 << 61) is None


def test_a_segment_without_a_complete_block_requests_nothing(target, endpoints, tmp_path):
    folder = tmp_path / "lake" / "archive" / "orders" / "dt=2026-06-15" / "hour=12"
    folder.mkdir(parents=True)
    (folder / ".open-20260615T1200-00.avro").write_bytes(b"Obj\x01\x02")
    recover(endpoints, target, job(target, endpoints, "next", tmp_path), "me")
    assert stored(endpoints, RUNS) == []
