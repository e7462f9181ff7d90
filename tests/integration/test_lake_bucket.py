"""Files of the lake in a bucket: Beam's file system of Cloud Storage, against an emulator of it."""

import google.auth
import pytest
from apache_beam.io.gcp.gcsfilesystem import GCSFileSystem
from google.auth.credentials import AnonymousCredentials

from tests.support.launcher import storage
from transforms.sinks.files.files import FileContent, names_in, stage_file, write_file
from transforms.sinks.files.manifests import newest, newest_files
from transforms.sinks.files.publish import publish_files

FEED, HOUR = "ml/iot_features", "dt=2026-06-15/hour=12"


@pytest.fixture
def lake(monkeypatch):
    with storage("b") as running:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", running.url)
        monkeypatch.setattr(google.auth, "default", lambda *args, **more: (AnonymousCredentials(), "p"))
        yield "gs://b/lake"


def test_the_newest_manifest_of_an_hour_names_its_files(lake):
    folder = f"{lake}/{FEED}/{HOUR}"
    assert names_in(folder, "") == []
    assert newest(lake, FEED, HOUR) is None
    for run_id in ("r1", "r2"):
        file = stage_file(lake, FileContent(FEED, HOUR, "parquet", 3, [b"ab", b"c"]), run_id)
        assert file.bytes == 3
        publish_files(lake, [file], run_id, replace=False)
    begins_alike = FileContent(FEED, f"{HOUR}9", "parquet", 1, b"a")
    write_file(lake, begins_alike, "r1")
    assert len(names_in(folder, "")) == 4
    assert names_in(folder, "_manifest-") == ["_manifest-000001-r1.json", "_manifest-000002-r2.json"]
    manifest = newest(lake, FEED, HOUR)
    assert (manifest["generation"], manifest["run_id"], manifest["rows"]) == (2, "r2", 6)
    assert len(list(newest_files(lake, FEED, [HOUR]))) == 2


class Killed(BaseException):
    pass


@pytest.mark.parametrize("step", range(6))
def test_a_rebuild_killed_at_any_step_is_finished_by_the_next(lake, monkeypatch, step):
    def content(data: bytes) -> FileContent:
        return FileContent(FEED, HOUR, "parquet", len(data), data)

    def plain() -> list[str]:
        return [name for name in names_in(f"{lake}/{FEED}/{HOUR}", "") if not name.startswith((".", "_"))]

    old = [stage_file(lake, content(b"x"), "r1") for _ in range(2)]
    publish_files(lake, old, "r1", replace=False)
    new = [stage_file(lake, content(b"yy"), "r2") for _ in range(2)]
    left = [step]

    def dying(operation):
        def run(*args, **more):
            left[0] -= 1
            if left[0] < 0:
                raise Killed
            return operation(*args, **more)

        return run

    with monkeypatch.context() as patch:
        for name in ("create", "rename", "delete"):
            patch.setattr(GCSFileSystem, name, dying(getattr(GCSFileSystem, name)))
        try:
            publish_files(lake, new, "r2", replace=True)
        except Killed:
            pass
        else:
            assert step >= 4, "manifest, data files, its name, superseded files"
    last = stage_file(lake, content(b"zzz"), "r3")
    publish_files(lake, [last], "r3", replace=True)
    assert plain() == [entry["name"] for entry in newest(lake, FEED, HOUR)["files"]] == [last.name]
