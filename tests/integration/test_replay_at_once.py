"""Replays as processes: of two concurrent runs over one range one wins, and a long one reports its progress."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.cli import progress
from pipelines.stores.open_stores import open_stores
from pipelines.stores.target import Target
from tests.support.command import run_command
from tests.support.runs import query
from tests.support.stores import ALL_TIME, ROOT, doubles, knowledge


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("at-once")
    code, _, err = run_command("simulate", "--output", folder / "in", "--events", 1000, "--seed", 12)
    assert code == 0, err
    code, _, err = run_command("local", "--input", folder / "in", "--output", folder / "out")
    assert code == 0, err
    return folder / "out"


def test_the_second_of_two_replays_of_one_folder_is_rejected(store):
    before = knowledge(store)
    words = ["-m", "pipelines", "replay", "--output", str(store), "--mode", "rebuild", *ALL_TIME]
    with open_stores(Target.local(store)):
        for _ in range(3):  # one may be over before the other begins: then nothing was shown
            both = [
                subprocess.Popen(
                    [sys.executable, *words], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
                )
                for _ in range(2)
            ]
            said = [process.communicate(timeout=120)[1] for process in both]
            codes = [process.returncode for process in both]
            if codes != [0, 0]:
                break
    assert sorted(codes) == [0, 2], said
    assert query(store, "select count(*) from event_store.replay_runs where state = 'RUNNING'") == [(0,)]
    [rejection] = [text for text, code in zip(said, codes, strict=True) if code == 2]
    assert f"--output {store}: in use by `replay` (process " in rejection
    assert "Traceback" not in rejection
    assert knowledge(store) == before
    assert not any(doubles(store).values())


def test_a_replay_from_the_event_store_reports_the_messages_read(store, monkeypatch):
    monkeypatch.setattr(progress, "PLAIN_SECONDS", 0.02)
    code, _, err = run_command("replay", "--output", store, "--source", "events", "--mode", "rebuild", *ALL_TIME)
    assert code == 0, err
    [(events,)] = query(store, "select count(*) from event_store.events")
    assert f" of {events:,} messages, " in err
    assert f"all {events:,} events read; writing to the stores" in err
