"""What manifests add up to, whatever the order in which their writers publish."""

import json
from itertools import permutations
from pathlib import Path

import pytest

from transforms.sinks.files.files import FileContent, LakeFile, stage_file
from transforms.sinks.files.live_manifests import MERGE_EVERY, add_to_manifests, merge_manifests
from transforms.sinks.files.manifests import is_manifest, newest, read_state, state_of
from transforms.sinks.files.publish import publish, publish_files

FEED, HOUR = "ml/iot_telemetry", "dt=2026-06-15/hour=12"


def staged(root: Path, run_id: str) -> LakeFile:
    return stage_file(str(root), FileContent(FEED, HOUR, "parquet", 1, b"x"), run_id)


def named(root: Path) -> list[str]:
    manifest = newest(str(root), FEED, HOUR)
    return sorted(entry["name"] for entry in manifest["files"]) if manifest else []


def plain(root: Path) -> list[str]:
    return sorted(path.name for path in (root / FEED / HOUR).glob("*.parquet"))


def manifest(*files: str, removes: tuple[str, ...] = (), merges: tuple[str, ...] | None = ()) -> dict:
    entries = [{"name": name, "rows": 1, "bytes": 1, "sha256": ""} for name in files]
    made = {"feed": FEED, "partition": HOUR, "generation": 1, "run_id": "r", "rows": 1, "files": entries}
    return made if merges is None else {**made, "removes": list(removes), "merges": list(merges)}


def names_of(*manifests: dict) -> set[str]:
    state = state_of({f"_manifest-{number:06d}-r.json": found for number, found in enumerate(manifests)})
    return {entry["name"] for entry in state["files"]}


@pytest.mark.parametrize("order", permutations(range(4)))
def test_the_order_of_manifests_does_not_matter(order):
    found = [manifest("a"), manifest("b", removes=("a",)), manifest("c"), manifest(removes=("c", "d"))]
    assert names_of(*(found[number] for number in order)) == {"b"}


def test_a_window_without_manifests_has_no_state():
    assert state_of({}) is None


def test_merged_manifests_are_not_read(tmp_path):
    names = [f"_manifest-{number:06d}-r.json" for number in range(1, 4)]
    (tmp_path / names[0]).write_text("not read")
    (tmp_path / names[1]).write_text(json.dumps(manifest("a", merges=(names[0],))))
    (tmp_path / names[2]).write_text(json.dumps(manifest("b")))
    state = read_state(str(tmp_path), names)
    assert [entry["name"] for entry in state["files"]] == ["a", "b"]
    assert state["manifests"] == names[1:]


def test_a_manifest_of_an_earlier_version_stands_for_all_before_it(tmp_path):
    names = [f"_manifest-{number:06d}-r.json" for number in range(1, 4)]
    for name, found in zip(names, (manifest("a", merges=None), manifest("b", merges=None), manifest("c")), strict=True):
        (tmp_path / name).write_text(json.dumps(found))
    assert {entry["name"] for entry in read_state(str(tmp_path), names)["files"]} == {"b", "c"}


@pytest.mark.parametrize("replace", [False, True], ids=["append", "rebuild"])
def test_a_flush_while_another_writer_publishes_is_not_lost(tmp_path, replace):
    add_to_manifests(str(tmp_path), [staged(tmp_path, "s1")], "s1")
    before = named(tmp_path)
    mine, flushed = staged(tmp_path, "r"), staged(tmp_path, "s1")

    def change(state):  # the stream publishes between the batch run's reading and its writing
        add_to_manifests(str(tmp_path), [flushed], "s1")
        entry = {"name": mine.name, "rows": 1, "bytes": mine.bytes, "sha256": mine.sha256}
        files = [entry] if replace else [*state["files"], entry]
        return {**state, "generation": state["generation"] + 1, "run_id": "r", "rows": len(files), "files": files}

    publish(str(tmp_path), FEED, HOUR, "r", change)
    kept = [] if replace else before
    assert named(tmp_path) == plain(tmp_path) == sorted([*kept, mine.name, flushed.name])


def test_two_shards_of_one_run_write_the_same_generation(tmp_path):
    first, second = staged(tmp_path, "s1"), staged(tmp_path, "s1")
    add_to_manifests(str(tmp_path), [first], "s1")
    one = next((tmp_path / FEED / HOUR).glob("_manifest-*"))
    hidden = one.rename(one.with_suffix(".away"))
    add_to_manifests(str(tmp_path), [second], "s1")
    hidden.rename(one)
    assert len(list((tmp_path / FEED / HOUR).glob("_manifest-000001-*"))) == 2
    assert named(tmp_path) == sorted([first.name, second.name])


def test_two_that_merge_at_once_lose_nothing(tmp_path):
    files = [staged(tmp_path, f"s{number}") for number in range(3)]
    for file in files[:2]:
        add_to_manifests(str(tmp_path), [file], "s")

    def change(state):
        add_to_manifests(str(tmp_path), [files[2]], "s")
        merge_manifests(str(tmp_path), FEED, HOUR, "other")
        return {**state, "generation": state["generation"] + 1, "run_id": "r"}

    publish(str(tmp_path), FEED, HOUR, "r", change)
    assert named(tmp_path) == sorted(file.name for file in files)
    merge_manifests(str(tmp_path), FEED, HOUR, "last")
    state = newest(str(tmp_path), FEED, HOUR)
    assert (len(state["manifests"]), state["rows"]) == (1, 3)


def test_a_stream_merges_its_manifests_from_time_to_time(tmp_path):
    files = [staged(tmp_path, "s") for _ in range(2 * MERGE_EVERY)]
    for file in files:
        add_to_manifests(str(tmp_path), [file], "s")
    state = newest(str(tmp_path), FEED, HOUR)
    assert state["rows"] == len(files)
    assert len(state["manifests"]) <= MERGE_EVERY
    assert len([path for path in (tmp_path / FEED / HOUR).iterdir() if is_manifest(path.name)]) > len(files)


def test_a_rebuild_replaces_what_streams_have_added(tmp_path):
    add_to_manifests(str(tmp_path), [staged(tmp_path, "s")], "s")
    mine = staged(tmp_path, "r")
    publish_files(str(tmp_path), [mine], "r", replace=True)
    assert named(tmp_path) == plain(tmp_path) == [mine.name]
    assert newest(str(tmp_path), FEED, HOUR)["run_ids"] == ["r"]
