"""A damaged archive is named and fails the replay; `--skip_damaged` replays the rest and counts what is left out."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.command import run_command
from tests.support.faulty import everything
from tests.support.replay_runs import untouched
from tests.support.stores import ALL_TIME


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    assert run_command("simulate", "--output", folder / "in", "--events", 120, "--seed", 5)[0] == 0
    code, _, err = run_command("local", "--input", folder / "in", "--output", folder / "out")
    assert code == 0, err
    return folder / "out"


@pytest.fixture
def store(finished, tmp_path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "out"))


def archive_file(store: Path) -> Path:
    return max((store / "lake" / "archive" / "orders").rglob("*.avro"), key=lambda path: path.stat().st_size)


def manifest(store: Path) -> Path:
    return next(archive_file(store).parent.glob("_manifest-*.json"))


def flip(store: Path) -> Path:
    path = archive_file(store)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x01
    path.write_bytes(data)
    return path


def truncate(store: Path) -> Path:
    path = archive_file(store)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def empty(store: Path) -> Path:
    path = archive_file(store)
    path.write_bytes(b"")
    return path


def remove(store: Path) -> Path:
    path = archive_file(store)
    path.unlink()
    return path


def remove_manifest(store: Path) -> Path:
    path = manifest(store)
    path.unlink()
    return path.parent


def cut_manifest(store: Path) -> Path:
    path = manifest(store)
    path.write_text('{"bad')
    return path


def lead_out_of_the_lake(store: Path) -> Path:
    path = manifest(store)
    entry = {"name": "../../../../../../etc/passwd", "rows": 1, "bytes": 1, "sha256": "x"}
    path.write_text(json.dumps({"files": [entry], "generation": 1, "rows": 1}))
    return path


DAMAGES: list[tuple[Callable[[Path], Path], str]] = [
    (flip, "the file's sha256 is not the one in its manifest"),
    (truncate, "bytes, its manifest says"),
    (empty, "the file has 0 bytes"),
    (remove, "the file is missing"),
    (remove_manifest, "no manifest"),
    (cut_manifest, "the manifest is damaged"),
    (lead_out_of_the_lake, "the manifest is damaged"),
]


@pytest.mark.parametrize(("damage", "reason"), DAMAGES, ids=[damage.__name__ for damage, _ in DAMAGES])
def test_a_damaged_archive_is_named_and_fails_the_replay(store, damage, reason):
    path = damage(store)
    before = everything(store)
    for mode in ("backfill", "rebuild"):
        code, _, err = run_command("replay", "--output", store, "--mode", mode, *ALL_TIME)
        assert code == 1
        assert f"{path}: " in err
        assert reason in err
        assert "Traceback" not in err
    assert everything(store) == before
    assert untouched(store) == []


def test_skip_damaged_replays_the_rest_and_counts_what_is_left_out(store):
    flip(store)
    before = everything(store)[:2]
    code, out, err = run_command("replay", "--output", store, "--mode", "rebuild", "--skip_damaged", *ALL_TIME)
    assert code == 0, err
    assert "skipped 1 damaged files or hours" in out
    assert everything(store)[:2] == before  # the events of the damaged file are in the event store, and stay
