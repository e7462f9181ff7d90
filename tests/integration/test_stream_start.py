"""What keeps a streaming run from starting is one line with option and advice, and no child process is left."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.live import kill, need_prism_program, start_stream
from tests.support.paths import ROOT


def run_stream(host: str, output: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    need_prism_program()
    return subprocess.run(
        [sys.executable, "-m", "pipelines", "stream", "--output", str(output), *options],
        cwd=ROOT, env={**os.environ, "PUBSUB_EMULATOR_HOST": host, **environment},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def one_line(ended: subprocess.CompletedProcess[str], code: int) -> str:
    assert ended.returncode == code, ended.stderr
    [line] = ended.stderr.strip().splitlines()
    assert line.startswith("event-pipelines stream: ")
    return line


def test_an_address_where_nothing_answers_fails_the_start(tmp_path):
    line = one_line(run_stream("127.0.0.1:1", tmp_path / "out", "--orders", "orders-sub"), 1)
    assert "--orders projects/local-dev/subscriptions/orders-sub" in line
    assert "127.0.0.1:1" in line
    assert not (tmp_path / "out").exists()


def test_a_port_that_accepts_and_never_answers_fails_the_start(tmp_path):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(16)
        host = f"127.0.0.1:{silent.getsockname()[1]}"
        assert host in one_line(run_stream(host, tmp_path / "out", "--orders", "orders-sub"), 1)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        pytest.param(["--orders", "{P}missing-sub"], "missing-sub: it does not exist", id="missing"),
        pytest.param(["--orders", "{P}customers-sub"], "customers-topic, not of a topic for orders", id="mixed-up"),
        pytest.param(
            ["--orders", "{P}orders-sub", "--customers", "{P}orders-sub"], "is given for --orders too", id="twice"
        ),
        pytest.param(["--orders", "projects/p/topics/orders"], "is not a subscription's name", id="malformed"),
    ],
)
def test_a_wrong_subscription_is_rejected_at_the_start(bus, tmp_path, options, said):
    folder = f"projects/{bus.emulator.project}/subscriptions/"
    words = [option.replace("{P}", folder) for option in options]
    line = one_line(run_stream(bus.emulator.host, tmp_path / "out", *words), 2)
    assert said in line
    assert "--orders" in line


def test_a_runner_that_is_not_a_program_is_one_line(bus, tmp_path):
    program = tmp_path / "prism"
    program.write_text("not a program")
    orders = f"--orders={bus.feeds['orders'][1]}"
    ended = run_stream(bus.emulator.host, tmp_path / "out", orders, PRISM=str(program))
    assert str(program) in one_line(ended, 2)


def test_an_output_that_is_a_file_is_one_line(bus, tmp_path):
    output = tmp_path / "out"
    output.write_text("mine")
    line = one_line(run_stream(bus.emulator.host, output, f"--orders={bus.feeds['orders'][1]}"), 2)
    assert f"--output {output}" in line
    assert output.read_text() == "mine"


@pytest.mark.parametrize(
    ("number", "library"),
    [
        pytest.param(signal.SIGINT, "pydantic_core", id="interrupt-while-modules-are-imported"),
        pytest.param(signal.SIGINT, "apache_beam", id="interrupt"),
        pytest.param(signal.SIGHUP, "grpc", id="terminal-closed"),
    ],
)
def test_a_signal_during_the_start_ends_it_without_orphans(bus, tmp_path, number, library):
    output = tmp_path / "out"
    process = start_stream(bus, output)
    try:
        wait_until_loaded(process, library)
        process.send_signal(number)
        code = process.wait(60)
    finally:
        kill(process)
    said = (output / "stream.log").read_text()
    assert code in (0, 128 + number, -number), said
    assert "Traceback" not in said
    assert left_of(output) == []


def test_sighup_drains_a_run_and_leaves_no_orphans(bus, tmp_path):
    output = tmp_path / "out"
    process = start_stream(bus, output)
    try:
        wait_for_start(process, output)
        process.send_signal(signal.SIGHUP)
        assert process.wait(60) == 0, (output / "stream.log").read_text()
    finally:
        kill(process)
    assert left_of(output) == []
    assert json.loads((output / "summary.json").read_text())["state"] == "DONE"


def wait_until_loaded(process: subprocess.Popen, library: str) -> None:
    """Wait until a process has loaded a library, which tells how far its start has come at any speed."""
    limit = time.monotonic() + 60
    while library not in Path(f"/proc/{process.pid}/maps").read_text():
        assert process.poll() is None
        assert time.monotonic() < limit
        time.sleep(0.01)


def wait_for_start(process: subprocess.Popen, output: Path) -> None:
    limit = time.monotonic() + 60
    while "\nrun " not in "\n" + (output / "stream.log").read_text():
        assert process.poll() is None
        assert time.monotonic() < limit
        time.sleep(0.1)


def left_of(output: Path) -> list[str]:
    """Return the command lines of processes that were started for an output folder and still run."""
    limit = time.monotonic() + 10
    while (found := running_for(output)) and time.monotonic() < limit:
        time.sleep(0.2)
    return found


def running_for(output: Path) -> list[str]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_text().replace("\0", " ")
            opened = [os.readlink(link) for link in (folder / "fd").iterdir()]
        except OSError:
            continue
        if int(folder.name) != os.getpid() and (str(output) in words or any(str(output) in path for path in opened)):
            found.append(words)
    return found
