"""A window's folder holds the files that its newest manifest names, whenever its publisher was killed."""

import json
from pathlib import Path

import pytest
from apache_beam.io.localfilesystem import LocalFileSystem

from transforms.sinks.files.files import FileContent, LakeFile, stage_file, write_file
from transforms.sinks.files.live_manifests import add_to_manifests
from transforms.sinks.files.manifests import newest
from transforms.sinks.files.publish import SUPERSEDED, finish_window, publish_files

FEED, HOUR = "ml/iot_features", "dt=2026-06-15/hour=12"


def staged(root: Path, run_id: str, data: bytes = b"x") -> LakeFile:
    return stage_file(str(root), FileContent(FEED, HOUR, "parquet", len(data), data), run_id)


def plain(root: Path) -> list[str]:
    """Return the names that a plain reader's pattern finds."""
    return sorted(path.name for path in (root / FEED).glob("*/*/*.parquet"))


def named(root: Path) -> list[str]:
    manifest = newest(str(root), FEED, HOUR)
    return sorted(entry["name"] for entry in manifest["files"]) if manifest else []


def superseded(root: Path, run_id: str) -> list[str]:
    return sorted(path.name for path in (root / SUPERSEDED / run_id / FEED / HOUR).glob("*"))


def test_a_staged_file_is_hidden_until_its_manifest_is_published(tmp_path):
    file = staged(tmp_path, "r1")
    assert plain(tmp_path) == []
    publish_files(str(tmp_path), [file], "r1", replace=False)
    assert plain(tmp_path) == named(tmp_path) == [file.name]


def test_superseded_files_leave_the_folder_and_are_kept(tmp_path):
    first, second = staged(tmp_path, "r1"), staged(tmp_path, "r2")
    publish_files(str(tmp_path), [first], "r1", replace=False)
    publish_files(str(tmp_path), [second], "r2", replace=True)
    assert plain(tmp_path) == named(tmp_path) == [second.name]
    assert superseded(tmp_path, "r2") == [first.name]


def test_a_file_that_no_manifest_names_is_left_alone(tmp_path):
    stranger = write_file(str(tmp_path), FileContent(FEED, HOUR, "parquet", 1, b"s"), "other")
    first, second = staged(tmp_path, "r1"), staged(tmp_path, "r2")
    publish_files(str(tmp_path), [first], "r1", replace=False)
    publish_files(str(tmp_path), [second], "r2", replace=True)
    assert plain(tmp_path) == sorted([second.name, stranger.name])


def test_a_late_firing_supersedes_the_earlier_one(tmp_path):
    early, late, other = staged(tmp_path, "r-120000-0"), staged(tmp_path, "r-120000-1"), staged(tmp_path, "r-120100-0")
    for file in (early, other, late):
        add_to_manifests(str(tmp_path), [file], "r", supersedes=file.name[:9])
    assert plain(tmp_path) == named(tmp_path) == sorted([late.name, other.name])
    assert superseded(tmp_path, "r") == [early.name]


def test_a_bundle_that_is_retried_names_its_file_once(tmp_path):
    file = staged(tmp_path, "r")
    for _ in range(2):
        add_to_manifests(str(tmp_path), [file], "r")
    assert newest(str(tmp_path), FEED, HOUR)["rows"] == 1


class Killed(BaseException):
    pass


def kill_at(monkeypatch, step: int) -> None:
    """Let the process die before a given operation that changes the store."""
    left = [step]

    def dying(operation):
        def run(*args, **more):
            left[0] -= 1
            if left[0] < 0:
                raise Killed
            return operation(*args, **more)

        return run

    def rename(self, sources, targets):
        for source, target in zip(sources, targets, strict=True):
            dying(Path(source).rename)(target)

    for name in ("create", "delete", "mkdirs"):
        monkeypatch.setattr(LocalFileSystem, name, dying(getattr(LocalFileSystem, name)))
    monkeypatch.setattr(LocalFileSystem, "rename", rename)


STEPS = 7
"""Operations of a publication: manifest, two data files, its name, a folder, two superseded files."""


@pytest.mark.parametrize("step", range(STEPS + 1))
@pytest.mark.parametrize("finish", ["publish", "finish_window"])
def test_a_kill_at_any_step_is_finished_by_the_next(tmp_path, monkeypatch, step, finish):
    root = str(tmp_path)
    old = [staged(tmp_path, "r1"), staged(tmp_path, "r1")]
    publish_files(root, old, "r1", replace=False)
    new = [staged(tmp_path, "r2", b"yy"), staged(tmp_path, "r2", b"yy")]
    with monkeypatch.context() as patch:
        kill_at(patch, step)
        if step < STEPS:
            with pytest.raises(Killed):
                publish_files(root, new, "r2", replace=True)
        else:
            publish_files(root, new, "r2", replace=True)
    if finish == "publish":
        third = staged(tmp_path, "r3")
        publish_files(root, [third], "r3", replace=False)
        expected = [third.name]
    else:
        finish_window(root, FEED, HOUR, "r3")
        expected = []
    # Decided as soon as the manifest was written: step 0 leaves the old files, every later one the new.
    expected += [file.name for file in (old if step == 0 else new)]
    assert plain(tmp_path) == named(tmp_path) == sorted(expected)


def test_a_manifest_that_was_cut_off_is_not_published(tmp_path):
    first, second = staged(tmp_path, "r1"), staged(tmp_path, "r2")
    publish_files(str(tmp_path), [first], "r1", replace=False)
    (tmp_path / FEED / HOUR / "._manifest-000002-r2.json.tmp").write_text(json.dumps({"files": []})[:-1])
    finish_window(str(tmp_path), FEED, HOUR, "r3")
    assert plain(tmp_path) == named(tmp_path) == [first.name]
    publish_files(str(tmp_path), [second], "r2", replace=False)
    assert plain(tmp_path) == named(tmp_path) == sorted([first.name, second.name])


def test_a_manifest_whose_file_is_missing_is_not_published(tmp_path):
    first = staged(tmp_path, "r1")
    publish_files(str(tmp_path), [first], "r1", replace=False)
    hidden = tmp_path / FEED / HOUR / "._manifest-000002-r2.json.tmp"
    hidden.write_text(json.dumps({"files": [{"name": "gone.parquet"}]}))
    finish_window(str(tmp_path), FEED, HOUR, "r3")
    assert plain(tmp_path) == named(tmp_path) == [first.name]
