"""The archive of a streaming run: on disk at once, complete after a crash, one file per minute and shard."""

import json
from pathlib import Path
from random import Random

import fastavro
import pytest

from schemas.message import Message
from transforms.archive.segments import Segments, minute_label, next_minute, whole_blocks
from transforms.sources.read_files import read_avro

NOON = 1_781_524_800_000_000
MINUTE = 60_000_000
FEED = "archive/orders"


class FakeClock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> int:
        return self.now


def messages(count: int, first: int = 0, at: int = NOON) -> list[Message]:
    numbers = range(first, first + count)
    # data that does not shrink, so that a block is larger than what a test cuts off
    return [
        Message("orders", f"m{number}", at + number, {"k": "v"}, Random(number).randbytes(100)) for number in numbers
    ]


def finished(root: Path) -> list[Path]:
    return sorted(path for path in root.glob("archive/orders/dt=*/hour=*/*.avro") if not path.name.startswith("."))


def ids(paths: list[Path]) -> list[str]:
    return [record["message_id"] for path in paths for record in fastavro.reader(path.open("rb"))]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def test_a_segment_is_readable_on_disk_before_it_has_its_name(tmp_path, clock):
    archive = Segments(str(tmp_path), FEED, "run", clock)
    archive.append(messages(3))
    (open_segment,) = tmp_path.glob("archive/orders/dt=*/hour=*/.open-*.avro")
    assert whole_blocks(open_segment)[0] == 3
    assert finished(tmp_path) == []


def test_bundles_of_a_minute_are_one_file_with_a_manifest(tmp_path, clock):
    archive = Segments(str(tmp_path), FEED, "run", clock)
    for number in range(5):
        archive.append(messages(2, 2 * number))
    clock.now += MINUTE
    archive.roll()
    (only,) = finished(tmp_path)
    assert ids([only]) == [f"m{number}" for number in range(10)]
    manifest = json.loads(next(only.parent.glob("_manifest-*.json")).read_text())
    assert [(entry["name"], entry["rows"]) for entry in manifest["files"]] == [(only.name, 10)]


@pytest.mark.parametrize("cut", [1, 20, 300], ids=lambda cut: f"{cut}-bytes-missing")
def test_after_a_crash_complete_blocks_are_kept_and_the_incomplete_one_is_cut(tmp_path, clock, cut):
    crashed = Segments(str(tmp_path), FEED, "run-a", clock)
    crashed.append(messages(4))
    crashed.append(messages(4, 4))
    (left,) = tmp_path.glob("archive/orders/dt=*/hour=*/.open-*.avro")
    left.write_bytes(left.read_bytes()[:-cut])
    crashed._owner.close()  # the lock dies with its process
    Segments(str(tmp_path), FEED, "run-b", clock)
    assert ids(finished(tmp_path)) == ["m0", "m1", "m2", "m3"]


@pytest.mark.parametrize("step", ["os.link", "add_to_manifests", "unlink"])
def test_a_kill_while_a_segment_is_finished_leaves_one_file_that_the_manifest_names(tmp_path, clock, step, monkeypatch):
    killed = Segments(str(tmp_path), FEED, "run-a", clock)
    killed.append(messages(4))

    class Killed(BaseException):
        pass

    def kill(*_: object) -> None:
        raise Killed

    place = {"os.link": "os.link", "unlink": "pathlib.Path.unlink"}.get(step, f"transforms.archive.segments.{step}")
    with monkeypatch.context() as patch:
        patch.setattr(place, kill)
        with pytest.raises(Killed):
            killed.close()
    killed._owner.close()  # the lock dies with its process
    Segments(str(tmp_path), FEED, "run-b", clock)
    (only,) = finished(tmp_path)
    assert ids([only]) == ["m0", "m1", "m2", "m3"]
    newest = max(only.parent.glob("_manifest-*.json"))
    assert [entry["name"] for entry in json.loads(newest.read_text())["files"]] == [only.name]
    assert list(tmp_path.glob("archive/orders/dt=*/hour=*/.open-*")) == []


def test_a_segment_without_a_block_is_removed(tmp_path, clock):
    folder = tmp_path / "archive/orders/dt=2026-06-15/hour=12"
    folder.mkdir(parents=True)
    (folder / ".open-20260615T1200-00.avro").write_bytes(b"Obj\x01\x02")
    Segments(str(tmp_path), FEED, "run", clock)
    assert list(folder.iterdir()) == []


def test_restarts_within_a_minute_never_make_two_files_of_one_minute(tmp_path, clock):
    for run in range(3):
        archive = Segments(str(tmp_path), FEED, f"run{run}", clock)
        archive.append(messages(1, run))
        archive.close()
    names = [path.name[:16] for path in finished(tmp_path)]
    assert names == ["20260615T1200-00", "20260615T1201-00", "20260615T1202-00"]


def test_two_processes_take_two_shards(tmp_path, clock):
    first, second = (Segments(str(tmp_path), FEED, "run", clock) for _ in range(2))
    first.append(messages(1))
    second.append(messages(1, 1))
    first.close()
    second.close()
    assert [path.name[13:16] for path in finished(tmp_path)] == ["-00", "-01"]


def test_messages_are_archived_under_the_hour_of_their_publish_time(tmp_path, clock):
    archive = Segments(str(tmp_path), FEED, "run", clock)
    archive.append([*messages(1), *messages(1, 1, NOON - 3600_000_000)])
    archive.close()
    assert [path.parent.name for path in finished(tmp_path)] == ["hour=11", "hour=12"]


@pytest.mark.parametrize(
    ("now", "last", "expected"),
    [("20260615T1203", "", "20260615T1203"), ("20260615T1203", "20260615T1203", "20260615T1204"),
     ("20260615T1203", "20260615T1259", "20260615T1300"), ("20260615T2359", "20260615T2359", "20260615T2400")],
)  # fmt: skip
def test_the_next_minute_is_later_than_all_before(now, last, expected):
    assert next_minute(now, last) == expected
    assert expected > last
    assert minute_label(NOON) == "20260615T1200"


def test_what_the_archive_holds_is_read_back_as_it_was(tmp_path, clock):
    archive = Segments(str(tmp_path), FEED, "run", clock)
    kept = [*messages(2), Message("orders", "", NOON + 1, {}, b"\xff\x00")]
    archive.append(kept)
    archive.close()
    with finished(tmp_path)[0].open("rb") as file:
        assert list(read_avro(file, "orders")) == kept
