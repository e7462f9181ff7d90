"""One writer per folder: who is rejected, who takes over, and what the message names."""

import json
import os
import platform
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.errors import UserError
from pipelines.stores.folder_lock import LOCK_NAME, folder_owner, lock_folder
from tests.support.paths import ROOT

HOLD = """
import sys, time
from pathlib import Path
from pipelines.stores.folder_lock import lock_folder
with lock_folder(Path(sys.argv[1]), "stream"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def other(tmp_path):
    """Another process that holds tmp_path/out."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / "out")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def reject(folder: Path) -> str:
    with pytest.raises(UserError) as rejected, lock_folder(folder, "local"):
        pass
    return str(rejected.value)


def write_owner(folder: Path, **changes: object) -> None:
    folder.mkdir(exist_ok=True)
    owner = {"command": "stream", "pid": 1, "host": platform.node(), "user": "u", "started": "2026-01-01T00:00:00Z"}
    (folder / LOCK_NAME).write_text(json.dumps({**owner, **changes}))


def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_second_writer_is_rejected_with_the_name_of_the_first(tmp_path, other):
    message = reject(tmp_path / "out")
    assert message.startswith(f"--output {tmp_path / 'out'}: in use by `stream` (process {other.pid} of ")
    assert f" on {platform.node()}, since 20" in message
    assert "\n" not in message


def test_the_same_process_is_a_second_writer_too(tmp_path):
    with lock_folder(tmp_path, "local"):
        assert "in use by `local`" in reject(tmp_path)


@pytest.mark.parametrize("spelling", ["link", "out/../out", "out/."])
def test_another_spelling_of_the_folder_is_the_same_folder(tmp_path, other, spelling):
    (tmp_path / "link").symlink_to(tmp_path / "out")
    assert "in use by `stream`" in reject(Path(f"{tmp_path}/{spelling}"))


def test_the_lock_of_a_killed_process_is_taken_over_and_its_owner_reported(tmp_path, other):
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert (tmp_path / "out" / LOCK_NAME).exists()
    with lock_folder(tmp_path / "out", "local") as left:
        assert left is not None
        assert (left.command, left.pid) == ("stream", other.pid)
        assert f"`local` (process {os.getpid()} " in reject(tmp_path / "out")


def test_a_lock_of_another_host_is_rejected_with_the_way_to_remove_it(tmp_path):
    write_owner(tmp_path / "o u t", host="elsewhere", pid=dead_pid())
    message = reject(tmp_path / "o u t")
    assert "(process " in message
    assert " on elsewhere, since 2026-01-01T00:00:00Z)" in message
    command = message.split("remove the lock: ")[1]
    subprocess.run(command, shell=True, check=True)  # noqa: S602: the text is what is tested
    with lock_folder(tmp_path / "o u t", "local") as left:
        assert left is None


@pytest.mark.parametrize(("alive", "rejected"), [(True, True), (False, False)], ids=["alive", "dead"])
def test_without_locks_of_the_kernel_the_text_in_the_file_decides(tmp_path, monkeypatch, alive, rejected):
    def no_locks(*_: object) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("fcntl.flock", no_locks)
    write_owner(tmp_path, pid=os.getppid() if alive else dead_pid())
    if rejected:
        assert "in use by `stream`" in reject(tmp_path)
    else:
        with lock_folder(tmp_path, "local") as left:
            assert left is not None


def test_nothing_is_left_behind_when_the_owner_wrote_nothing(tmp_path):
    with lock_folder(tmp_path / "out", "local"):
        assert (tmp_path / "out").is_dir()
    assert not (tmp_path / "out").exists()


def test_what_the_owner_wrote_stays_and_the_lock_goes(tmp_path):
    with lock_folder(tmp_path / "out", "local"):
        (tmp_path / "out" / "file").touch()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["file"]


def test_a_child_process_does_not_inherit_the_lock(tmp_path):
    with lock_folder(tmp_path / "out", "local"):
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False)
    try:
        with lock_folder(tmp_path / "out", "local"):
            pass
    finally:
        child.communicate(b"\n")


def test_a_torn_lock_file_of_a_killed_process_is_taken_over(tmp_path):
    (tmp_path / LOCK_NAME).write_text('{"comma')
    with lock_folder(tmp_path, "local") as left:
        assert left is None


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_cannot_be_written_to_is_rejected(tmp_path):
    tmp_path.chmod(0o500)
    assert "cannot be written to (Permission denied)" in reject(tmp_path / "out")


def test_a_file_in_place_of_the_folder_is_rejected(tmp_path):
    (tmp_path / "out").touch()
    assert reject(tmp_path / "out") == f"--output {tmp_path / 'out'}: is a file, a folder is needed"


def test_the_lock_owner_is_shown_to_readers_only_while_it_runs(tmp_path, other):
    owner = folder_owner(tmp_path / "out")
    assert owner is not None
    assert owner.pid == other.pid
    other.kill()
    other.wait()
    assert folder_owner(tmp_path / "out") is None


def test_stores_in_the_cloud_have_no_lock():
    with lock_folder(None, "replay") as left:
        assert left is None
