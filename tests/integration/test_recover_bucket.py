"""In the cloud the next command that writes recovers a dead streaming run too: by its lease, from the bucket."""

from dataclasses import replace
from pathlib import Path

import google.auth
import pytest
from google.auth.credentials import AnonymousCredentials

from pipelines.config import JobConfig
from pipelines.replay.unfinished import finish_killed_runs
from pipelines.stores.interrupted_streams import interrupted_runs
from pipelines.stores.open_stores import open_stores
from pipelines.stores.provision.provision import provision
from pipelines.stores.target import Endpoints, Target
from pipelines.stream import run_record
from pipelines.stream.run_record import StreamRecord
from schemas.timestamps import SECOND_US
from tests.support.launcher import storage
from tests.support.saga_events import arrivals, generated_orders, messages_of
from transforms.archive.segments import BundleFiles, open_archive
from transforms.sinks.files.manifests import newest
from transforms.table_rows import Run

STARTED = 1_781_600_000 * SECOND_US
TOPICS = ("orders", "inventory")


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch):
    """The stores of a project: BigQuery and Cloud Storage are emulators."""
    local = Target.local(tmp_path)
    with storage("b") as running, open_stores(local, create=True) as endpoints:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", running.url)
        monkeypatch.setattr(google.auth, "default", lambda *args, **more: (AnonymousCredentials(), "p"))
        provision(endpoints, local)
        yield endpoints, replace(local, directory=None, lake="gs://b/lake"), tmp_path


def job(endpoints: Endpoints, target: Target, name: str, temp: Path) -> JobConfig:
    return JobConfig(
        run=Run(name, STARTED, "test"), lake=target.lake, temp=str(temp / name), project=target.project,
        event_store=target.event_store, analytics=target.analytics, write_endpoint=endpoints.write_endpoint,
    )  # fmt: skip


def record(endpoints: Endpoints, target: Target, name: str) -> StreamRecord:
    return StreamRecord(
        endpoints.bigquery,
        target,
        run_id=name,
        started=STARTED,
        version="test",
        oldest=lambda: STARTED,
        lag_seconds=0.0,
    )


def count(endpoints: Endpoints, sql: str) -> int:
    [row] = endpoints.bigquery.query(sql).result()
    return int(row[0])


EVENTS = "SELECT COUNT(*) FROM `local.event_store.events`"


def test_a_dead_stream_is_recovered_and_a_living_one_is_left_alone(cloud, monkeypatch):
    endpoints, target, temp = cloud
    messages = [message for message in messages_of(arrivals(generated_orders(12, seed=73))) if message.topic in TOPICS]
    with record(endpoints, target, "killed"):
        for number, topic in enumerate(TOPICS):
            archive = open_archive(target.lake, topic, "killed")
            assert isinstance(archive, BundleFiles)
            archive.append(message for message in messages if message.topic == topic)
            if number == 0:
                archive.close()  # the files of the other topic are in no manifest yet
    finish_killed_runs(endpoints, target, job(endpoints, target, "first", temp))
    assert count(endpoints, EVENTS) == 0, "its lease is not over: it may be alive elsewhere"

    monkeypatch.setattr(run_record, "RENEW_CLOUD_SECONDS", 0.1)
    with record(endpoints, target, "killed"):
        pass
    assert [run.run_id for run in interrupted_runs(endpoints.bigquery, target)] == ["killed"]
    finish_killed_runs(endpoints, target, job(endpoints, target, "second", temp))
    assert count(endpoints, EVENTS) == len(messages)
    assert count(endpoints, "SELECT COUNT(*) FROM `local.analytics.order_saga_current`") == 12
    assert interrupted_runs(endpoints.bigquery, target) == []
    finish_killed_runs(endpoints, target, job(endpoints, target, "third", temp))
    assert count(endpoints, EVENTS) == len(messages)


def test_a_command_without_a_lake_recovers_nothing(cloud):
    endpoints, target, temp = cloud
    finish_killed_runs(endpoints, replace(target, lake=""), job(endpoints, target, "next", temp))
    assert newest(target.lake, "archive/orders", "dt=2026-06-15/hour=12") is None
