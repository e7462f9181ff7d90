"""Files of the lake: whole or absent, never overwritten, named by their window's newest manifest."""

import io
import json

import pytest
from apache_beam.io.filesystem import BeamIOError
from apache_beam.io.filesystems import FileSystems
from apache_beam.io.localfilesystem import LocalFileSystem

from transforms.sinks.files.files import (
    FileContent,
    IncompleteFile,
    LakeFile,
    literal,
    names_in,
    stage_whole,
    write_file,
    write_whole,
)
from transforms.sinks.files.manifests import make_manifest, newest, newest_files
from transforms.sinks.files.write_manifests import _publish

CONTENT = FileContent("ml/iot_features", "dt=2026-06-15/hour=12", "parquet", 3, b"abc")


def test_a_file_gets_its_final_name_when_it_is_complete(tmp_path):
    written = write_file(str(tmp_path), CONTENT, "r1")
    [path] = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert path == tmp_path / CONTENT.feed / CONTENT.partition / written.name
    assert (path.read_bytes(), written.rows, written.bytes) == (b"abc", 3, 3)


def test_two_files_of_one_window_never_share_a_name(tmp_path):
    assert write_file(str(tmp_path), CONTENT, "r1").name != write_file(str(tmp_path), CONTENT, "r1").name


def test_a_file_that_the_store_holds_in_part_is_not_named(tmp_path, monkeypatch):
    create = LocalFileSystem.create

    class Cut:
        def __init__(self, file):
            self._file = file

        def __enter__(self):
            return self

        def __exit__(self, *args):
            self._file.close()

        def write(self, data):
            self._file.write(data[:-1])

    monkeypatch.setattr(LocalFileSystem, "create", lambda *args: Cut(create(*args)))
    with pytest.raises(IncompleteFile):
        write_whole(str(tmp_path), "a.avro", b"abc")
    assert not (tmp_path / "a.avro").exists()


def test_a_file_that_the_store_does_not_hold_is_not_named(tmp_path, monkeypatch):
    monkeypatch.setattr(LocalFileSystem, "create", lambda *args: io.BytesIO())
    with pytest.raises(BeamIOError, match="Size operation failed"):
        write_whole(str(tmp_path), "a.avro", b"abc")


@pytest.mark.parametrize("folder", ["a[1]", "a[!1]", "what?", "all*", "[", "[]"])
def test_a_folder_whose_name_is_a_pattern_is_a_folder_like_another(tmp_path, folder):
    root = tmp_path / folder
    (tmp_path / "a1").mkdir()
    (tmp_path / "a1" / "a.avro").write_bytes(b"")
    assert write_whole(str(root), "a.avro", b"abc") == 3
    assert names_in(str(root), "a") == ["a.avro"]
    assert names_in(str(root), "b") == []
    [found] = FileSystems.match([FileSystems.join(literal(str(root)), "*.avro")])[0].metadata_list
    assert found.path == str(root / "a.avro")


def test_a_folder_that_is_not_there_has_no_names(tmp_path):
    assert names_in(str(tmp_path / "none"), "") == []


def lake_file(root, name: str) -> LakeFile:
    stage_whole(f"{root}/{CONTENT.feed}/{CONTENT.partition}", name, b"x")
    return LakeFile(CONTENT.feed, CONTENT.partition, name, 1, 1, "00")


def window(files: list[LakeFile]) -> tuple[str, list[LakeFile]]:
    return f"{CONTENT.feed}|{CONTENT.partition}", files


def test_a_run_adds_to_a_window_and_a_rebuild_supersedes_it(tmp_path):
    root = str(tmp_path)
    for run_id, name, replace in (("r1", "a", False), ("r2", "b", False), ("r3", "c", True)):
        _publish(window([lake_file(root, name)]), root, run_id, replace)
        found = [path.rsplit("/", 1)[1] for path in newest_files(root, CONTENT.feed, [CONTENT.partition])]
        assert found == {"r1": ["a"], "r2": ["a", "b"], "r3": ["c"]}[run_id]
    manifest = newest(root, CONTENT.feed, CONTENT.partition)
    assert (manifest["generation"], manifest["run_id"], manifest["rows"]) == (3, "r3", 1)


def test_a_bundle_that_runs_again_does_not_write_a_second_generation(tmp_path):
    file = lake_file(tmp_path, "a")
    for _ in range(2):
        _publish(window([file]), str(tmp_path), "r1", False)
    assert newest(str(tmp_path), CONTENT.feed, CONTENT.partition)["generation"] == 1


def test_a_manifest_is_json_with_the_files_in_order(tmp_path):
    manifest = make_manifest(None, [lake_file(tmp_path, "b"), lake_file(tmp_path, "a")], "r", replace=False)
    assert [entry["name"] for entry in manifest["files"]] == ["a", "b"]
    assert json.loads(json.dumps(manifest)) == manifest
