"""The life of a child process: it is ready, watched and stopped, and never outlives us."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipelines.errors import RunFailed, UserError
from pipelines.runners.child_process import ChildProcess
from tests.support.paths import ROOT

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
STUBBORN = [
    sys.executable, "-c",
    "import signal, subprocess, sys, time\nsignal.signal(15, signal.SIG_IGN)\n"
    "print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']).pid, flush=True)\ntime.sleep(60)",
]  # fmt: skip
STARTS = """
import os, sys, time
from pathlib import Path
from pipelines.runners.child_process import ChildProcess
child = ChildProcess("sleep", [sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
time.sleep(60)
"""


def exists(pid: int) -> bool:
    """Tell whether a process runs; one that has ended and was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_for_end(pid: int) -> bool:
    limit = time.monotonic() + 10
    while exists(pid) and time.monotonic() < limit:
        time.sleep(0.02)
    return not exists(pid)


def test_a_child_is_stopped_at_the_end_of_the_block():
    with ChildProcess("sleep", SLEEP) as child:
        assert child.is_alive()
    assert child.returncode == -signal.SIGTERM
    child.stop()


def test_a_child_that_ignores_the_signal_is_killed_with_its_own_children(tmp_path):
    log = tmp_path / "log"
    with ChildProcess("stubborn", STUBBORN, log=log, stop_seconds=0.3) as child:
        child.wait_until(lambda: log.read_text().endswith("\n"), 10)
        grandchild = int(log.read_text())
        assert exists(grandchild)
    assert child.returncode == -signal.SIGKILL
    assert wait_for_end(grandchild)


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP, signal.SIGTERM], ids=lambda number: number.name)
def test_no_child_outlives_us(number):
    with subprocess.Popen([sys.executable, "-c", STARTS], cwd=ROOT, stdout=subprocess.PIPE, text=True) as us:
        assert us.stdout is not None
        child = int(us.stdout.readline())
        assert exists(child)
        us.send_signal(number)
    assert wait_for_end(child)


def test_a_child_that_is_not_ready_in_time_is_stopped_and_the_log_is_named(tmp_path):
    child = ChildProcess("sleep", SLEEP, log=tmp_path / "log")
    with pytest.raises(RunFailed, match=f"^sleep did not start within 0 s; see {tmp_path / 'log'}$"):
        child.wait_until(lambda: False, 0.2)
    assert not child.is_alive()


def test_a_child_that_ends_at_its_start_is_reported_at_once(tmp_path):
    child = ChildProcess("false", ["/bin/false"])
    with pytest.raises(RunFailed, match=r"^false ended with 1 at its start$"):
        child.wait_until(lambda: False, 30)


@pytest.mark.parametrize("content", [None, "no program\0", ""], ids=["absent", "text", "empty"])
def test_a_program_that_cannot_be_executed_is_a_mistake(tmp_path, content):
    program = tmp_path / "program"
    if content is not None:
        program.write_text(content)
        program.chmod(0o755)
    child = ChildProcess("Prism", [str(program)], log=tmp_path / "log")
    with pytest.raises(UserError, match=f"^{program}: is not a program that can be executed as Prism$"):
        child.wait_until(lambda: False, 30)


def test_an_interrupt_while_waiting_stops_the_child():
    child = ChildProcess("sleep", SLEEP)

    def interrupted() -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        child.wait_until(interrupted, 30)
    assert not child.is_alive()


def test_the_environment_is_the_given_one(tmp_path):
    with ChildProcess("env", ["/usr/bin/env"], log=tmp_path / "log", env={"ONLY": "this"}) as child:
        assert child.wait(10) == 0
    names = {line.split("=")[0] for line in (tmp_path / "log").read_text().splitlines()}
    assert names - {"LC_CTYPE"} == {"ONLY"}  # the other is set by Python in the C locale
