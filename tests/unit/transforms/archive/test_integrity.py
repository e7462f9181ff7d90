"""Archive files are compared with their manifests: every kind of damage is named, an intact archive has none."""

import json
from pathlib import Path

import pytest

from schemas.message import Message
from transforms.archive.batch import archive_avro
from transforms.archive.integrity import check_feed, check_file, check_window, list_partitions, read_window
from transforms.sinks.files.files import FileContent, write_file
from transforms.sinks.files.live_manifests import add_to_manifests

FEED = "archive/orders"
WINDOWS = ("dt=2026-06-15/hour=12", "dt=2026-06-15/hour=13")


@pytest.fixture
def lake(tmp_path):
    root = tmp_path / "lake [1]"
    for window in WINDOWS:
        data = archive_avro([Message("orders", str(number), number, {}, b"data") for number in range(3)])
        files = [write_file(str(root), FileContent(FEED, window, "avro", 3, data), "run") for _ in range(2)]
        add_to_manifests(str(root), files, "run")
    return root


def data_file(lake: Path) -> Path:
    return min((lake / FEED / WINDOWS[0]).glob("*.avro"))


def manifest(lake: Path) -> Path:
    [path] = (lake / FEED / WINDOWS[0]).glob("_manifest-*")
    return path


def findings(lake: Path) -> list[tuple[str, str]]:
    return [(Path(damage.path).name, damage.reason) for damage in check_feed(str(lake), FEED)]


def test_an_intact_archive_has_no_damage(lake):
    assert findings(lake) == []
    assert list_partitions(str(lake), FEED) == list(WINDOWS)
    assert [file.rows for file in read_window(str(lake), FEED, WINDOWS[0]).files] == [3, 3]


def test_a_feed_that_is_absent_has_no_damage(lake):
    assert list(check_feed(str(lake), "archive/customers")) == []
    assert list(check_window(str(lake), FEED, "dt=2026-06-15/hour=14")) == []


def test_a_flipped_byte_is_named(lake):
    path = data_file(lake)
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)
    assert findings(lake) == [(path.name, "the file's sha256 is not the one in its manifest")]


def test_a_truncated_file_is_named_with_both_sizes(lake):
    path = data_file(lake)
    data = path.read_bytes()
    path.write_bytes(data[:-8])
    assert findings(lake) == [
        (path.name, f"the file has {len(data) - 8:,} bytes, its manifest says {len(data):,}"),
    ]


def test_a_missing_file_is_named(lake):
    path = data_file(lake)
    path.unlink()
    assert findings(lake) == [(path.name, "the file is missing, its manifest names it")]


def test_a_missing_manifest_is_named_with_its_window(lake):
    manifest(lake).unlink()
    [(name, reason)] = findings(lake)
    assert name == "hour=12"
    assert reason.startswith("no manifest: it was deleted")
    assert "2 file(s)" in reason
    assert len(read_window(str(lake), FEED, WINDOWS[0]).unlisted) == 2


@pytest.mark.parametrize(
    "text",
    [
        '{"bad',
        "[]",
        "{}",
        '{"files": [1]}',
        '{"files": [{"name": "../../secret", "rows": 1, "bytes": 1, "sha256": "x"}]}',
        '{"files": [{"name": "a.avro", "rows": true, "bytes": 1, "sha256": "x"}]}',
        '{"files": [{"name": "a.avro", "rows": 1, "bytes": -1, "sha256": "x"}]}',
        '{"files": [{"name": "a.avro", "rows": 1, "bytes": 1}]}',
        '{"files": [{"name": null, "rows": 1, "bytes": 1, "sha256": "x"}]}',
        "[" * 100_000,
    ],
)
def test_a_damaged_manifest_is_named(lake, text):
    path = manifest(lake)
    path.write_text(text)
    assert findings(lake) == [(path.name, "the manifest is damaged")]


def test_files_that_no_manifest_names_are_not_damage_when_the_window_has_one(lake):
    (lake / FEED / WINDOWS[0] / "left-over.avro").write_bytes(b"")
    (lake / FEED / WINDOWS[0] / ".open-20260615T1200-00.avro").write_bytes(b"")
    assert findings(lake) == []


def test_a_folder_in_the_place_of_a_file_cannot_be_read(lake):
    path = data_file(lake)
    path.unlink()
    path.mkdir()
    assert findings(lake) == [(path.name, "cannot be read (IsADirectoryError)")]


def test_manifest_listing_is_json_of_the_newest_generation(lake):
    path = manifest(lake)
    older = json.loads(path.read_text())
    newer = path.with_name(path.name.replace("000001", "000002"))
    newer.write_text(json.dumps({**older, "files": older["files"][:1], "generation": 2, "merges": [path.name]}))
    assert len(read_window(str(lake), FEED, WINDOWS[0]).files) == 1


def test_an_unreadable_path_has_a_reason(tmp_path):
    assert check_file(str(tmp_path / "absent"), 0, "") == "the file is missing, its manifest names it"
