"""A folder that version 0.1.0 wrote (commit 0513636): every command opens it, and nothing in it is lost."""

import tarfile
from pathlib import Path

import pytest

from tests.support.command import run_command
from tests.support.paths import DATA
from tests.support.runs import query

DAYS = ("--from", "2026-01-01T00:00:00Z", "--to", "2026-01-03T00:00:00Z")
READS = [
    ("query", "--view", "order_current"),
    ("query", "--view", "event_counts_current", "--limit", "0"),
    ("sagas",),
    ("history", "--order", "ORD-00000001"),
    ("dead-letters",),
    ("dead-letters", "--group_by", "code"),
    ("redrive", "--dry_run"),
    ("replay", "--mode", "rebuild", "--dry_run", *DAYS),
    ("forget", "--customer", "CUS-0000001"),
]
WRITES = [
    ("replay", "--mode", "backfill", *DAYS),
    ("replay", "--mode", "rebuild", *DAYS),
    ("redrive",),
    ("provision",),
    ("forget", "--customer", "CUS-0000001", "--yes"),
]


@pytest.fixture
def store(tmp_path) -> Path:
    with tarfile.open(DATA / "stores" / "v0.1.0.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / "v0.1.0"


def events(store: Path) -> list[tuple]:
    return query(store, "select event_id, data::varchar from event_store.events order by 1")


def test_every_command_that_reads_opens_it(store):
    before = events(store)
    for command, *words in READS:
        code, out, err = run_command(command, "--output", store, *words)
        assert code == 0, (command, err)
        assert out + err, command
    assert events(store) == before


@pytest.mark.parametrize("words", WRITES, ids=lambda words: " ".join(words[:3]))
def test_every_command_that_writes_opens_it_and_keeps_its_events_and_records(store, words):
    before = events(store)
    code, _, err = run_command(words[0], "--output", store, *words[1:])
    assert code == 0, err
    after = dict(events(store))
    if words[0] != "forget":
        assert after.items() >= dict(before).items()
    code, out, err = run_command("query", "--output", store, "--view", "order_current", "--format", "csv")
    assert code == 0, err
    assert len(out.splitlines()) > 30
    [(state,)] = query(store, "select state from event_store.replay_runs where run_id = 'old-replay'")
    assert state == "DONE"


def test_its_shadow_differs_in_nothing(store):
    code, _, err = run_command("replay", "--output", store, "--mode", "shadow", "--into", "again", *DAYS)
    assert code == 0, err
    code, out, err = run_command("compare", "--output", store, "--into", "again", *DAYS)
    assert code == 0, out + err
