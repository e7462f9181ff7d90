"""What a streaming run watches: the first reason ends it, and no secret is part of it."""

import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from pipelines.errors import RunFailed
from pipelines.stream import monitor
from pipelines.stream.monitor import EmulatorCheck, Monitor, disk_check, process_check


class Refusing(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_error(401)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server():
    server = HTTPServer(("127.0.0.1", 0), Refusing)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def test_an_emulator_that_rejects_the_request_is_alive(server):
    assert EmulatorCheck(f"http://emulator:secret@127.0.0.1:{server.server_port}")() is None


def test_an_emulator_that_has_ended_is_named_without_its_token():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    reason = EmulatorCheck(f"http://emulator:secret@127.0.0.1:{port}")()
    assert reason == f"the BigQuery emulator at 127.0.0.1:{port} ended unexpectedly"


def test_an_emulator_that_accepts_and_does_not_answer_is_given_time(monkeypatch):
    monkeypatch.setattr(monitor, "ANSWER_SECONDS", 0.05)
    monkeypatch.setattr(monitor, "SILENT_SECONDS", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(16)
        check = EmulatorCheck(f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert check() is None
        time.sleep(0.3)
        assert "does not answer" in (check() or "")


def test_a_frozen_emulator_is_noticed_within_ten_seconds():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(16)
        began = time.monotonic()
        with Monitor([EmulatorCheck(f"http://127.0.0.1:{silent.getsockname()[1]}")], lambda: None) as watching:
            while watching.reason is None and time.monotonic() - began < 20:
                time.sleep(0.1)
        assert "does not answer" in (watching.reason or "")
        assert time.monotonic() - began < 10


def test_a_full_disk_is_named(tmp_path, monkeypatch):
    assert disk_check(tmp_path)() is None
    monkeypatch.setattr(monitor, "MIN_FREE_BYTES", 1 << 62)
    assert disk_check(tmp_path)() == f"the disk of {tmp_path} is full"
    assert "cannot be read" in (disk_check(tmp_path / "gone")() or "")


def test_a_child_process_that_ended_is_named_with_its_log():
    assert process_check(lambda: True, "the runner", Path("a.log"))() is None
    assert process_check(lambda: False, "the runner", Path("a.log"))() == "the runner ended unexpectedly; see a.log"


def test_a_run_that_does_not_end_after_a_reason_is_left_behind(monkeypatch):
    monkeypatch.setattr(monitor, "CHECK_SECONDS", 0.01)
    monkeypatch.setattr(monitor, "STOP_SECONDS", 0.1)
    never = threading.Event()
    with (
        Monitor([lambda: "the runner ended"], lambda: None) as watching,
        pytest.raises(RunFailed, match="the runner ended"),
    ):
        watching.watch(lambda: never.wait(60))
    never.set()


def test_a_watched_run_returns_its_result_or_raises_its_error():
    with Monitor([], lambda: None) as watching:
        assert watching.watch(lambda: 7) == 7
        with pytest.raises(RunFailed, match="its own"):
            watching.watch(failing)


def failing() -> None:
    raise RunFailed("its own")


def test_the_first_reason_stops_the_run_once(monkeypatch):
    monkeypatch.setattr(monitor, "CHECK_SECONDS", 0.01)
    answers = iter([None, None, "gone"])
    stopped = threading.Event()
    stops: list[int] = []

    def stop() -> None:
        stops.append(1)
        stopped.set()

    with Monitor([lambda: next(answers), lambda: None], stop) as watching:
        assert stopped.wait(5)
        time.sleep(0.05)
    assert watching.reason == "gone"
    assert stops == [1]
    assert watching.check() == "gone", "later calls keep the first reason"
